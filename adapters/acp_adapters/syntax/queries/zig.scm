(function_declaration name: (_) @name) @function
(variable_declaration (identifier) @name . (_)* . (struct_declaration) @body) @struct
(variable_declaration (identifier) @name . (_)* . (union_declaration) @body) @struct
(variable_declaration (identifier) @name . (_)* . (opaque_declaration) @body) @struct
(variable_declaration (identifier) @name . (_)* . (enum_declaration) @body) @enum
(variable_declaration (identifier) @name . (_)* . (error_set_declaration) @body) @enum
(source_file (variable_declaration . "pub"? . ["const" "var"] . (identifier) @name) @variable)
(test_declaration [(string) (identifier)] @name) @test
