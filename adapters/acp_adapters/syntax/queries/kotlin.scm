(class_declaration "class" name: (_) @name) @class
(class_declaration "interface" name: (_) @name) @interface
(object_declaration name: (_) @name) @class
(companion_object name: (_) @name) @class
(function_declaration (user_type) @owner . name: (_) @name (function_body)? @body) @function
(function_declaration name: (_) @name (function_body)? @body) @function
(secondary_constructor "constructor" @name) @constructor
(source_file (property_declaration (variable_declaration (identifier) @name)) @variable)
(class_body (property_declaration (variable_declaration (identifier) @name)) @property)
(type_alias type: (_) @name) @type
