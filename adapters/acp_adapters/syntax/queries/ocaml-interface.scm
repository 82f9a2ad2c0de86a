(value_specification (value_name) @name) @function
(external (value_name) @name) @function
(type_binding name: (_) @name) @type
(module_binding (module_name) @name) @module
(module_type_definition (module_type_name) @name) @interface
(exception_definition (constructor_declaration (constructor_name) @name)) @type
