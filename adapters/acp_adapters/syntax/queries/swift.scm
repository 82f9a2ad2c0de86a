(class_declaration ["class" "actor"] name: (_) @name) @class
(class_declaration "struct" name: (_) @name) @struct
(class_declaration "enum" name: (_) @name) @enum
(class_declaration "extension" name: (_) @name) @extension
(protocol_declaration name: (_) @name) @interface
(function_declaration . (modifiers)? . "func" . name: (_) @name) @function
(protocol_function_declaration "func" . name: (_) @name) @function
(init_declaration "init" @name) @constructor
(deinit_declaration "deinit" @name) @function
(subscript_declaration "subscript" @name) @property
(typealias_declaration . (modifiers)? . "typealias" . name: (_) @name) @type
(source_file (property_declaration name: (pattern bound_identifier: (_) @name)) @variable)
(class_body (property_declaration name: (pattern bound_identifier: (_) @name)) @property)
(protocol_body (protocol_property_declaration name: (pattern bound_identifier: (_) @name)) @property)
