(namespace_declaration name: (_) @name) @namespace
(file_scoped_namespace_declaration name: (_) @name) @package
(class_declaration name: (_) @name) @class
(record_declaration name: (_) @name) @class
(struct_declaration name: (_) @name) @struct
(interface_declaration name: (_) @name) @interface
(enum_declaration name: (_) @name) @enum
(delegate_declaration name: (_) @name) @type
(method_declaration name: (_) @name) @function
(local_function_statement name: (_) @name) @function
(constructor_declaration name: (_) @name) @constructor
(destructor_declaration name: (_) @name) @function
(operator_declaration operator: _ @name) @function
(indexer_declaration "this" @name) @property
(property_declaration name: (_) @name) @property
(event_declaration name: (_) @name) @property
(event_field_declaration (variable_declaration (variable_declarator name: (_) @name))) @property
(field_declaration (variable_declaration (variable_declarator name: (_) @name))) @field
