(function_definition declarator: (_) @name) @function
(struct_specifier name: (_) @name body: (_)) @struct
(union_specifier name: (_) @name body: (_)) @struct
(enum_specifier name: (_) @name body: (_)) @enum
(type_definition declarator: (_) @name) @type
(preproc_function_def name: (_) @name) @macro
(preproc_def name: (_) @name) @macro
(declaration declarator: (function_declarator declarator: (_) @name)) @prototype
(declaration declarator: (pointer_declarator declarator: (function_declarator declarator: (_) @name))) @prototype
