(rule_set (selectors) @name) @rule
(keyframes_statement (keyframes_name) @name) @rule
(declaration (property_name) @name (#match? @name "^--")) @variable
