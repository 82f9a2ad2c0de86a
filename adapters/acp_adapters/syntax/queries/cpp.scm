(class_specifier name: (_) @name body: (_)) @class
(namespace_definition name: (_) @name) @namespace
(concept_definition name: (_) @name) @type
(alias_declaration name: (_) @name) @type
(declaration declarator: (reference_declarator (function_declarator declarator: (_) @name))) @prototype
(field_declaration declarator: (function_declarator declarator: (_) @name)) @prototype
(field_declaration declarator: (pointer_declarator declarator: (function_declarator declarator: (_) @name))) @prototype
(field_declaration declarator: (reference_declarator (function_declarator declarator: (_) @name))) @prototype
