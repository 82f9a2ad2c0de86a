(data_type name: (_) @name) @type
(newtype name: (_) @name) @type
(type_synonym name: (_) @name) @type
(class name: (_) @name) @interface
(instance name: (_) @owner patterns: (_) @name) @impl
(declarations (signature name: (_) @name) @function)
(declarations (function name: (_) @name) @function)
(declarations (function (infix operator: (_) @name)) @function)
(declarations (bind name: (_) @name) @function)
(class_declarations (signature name: (_) @name) @function)
(instance_declarations (function name: (_) @name) @function)
(instance_declarations (bind name: (_) @name) @function)
