(let_binding pattern: (value_name) @name (parameter)) @function
(let_binding pattern: (value_name) @name body: [(fun_expression) (function_expression)]) @function
(structure (value_definition (let_binding pattern: (value_name) @name) @variable))
(compilation_unit (value_definition (let_binding pattern: (value_name) @name) @variable))
(class_binding (class_name) @name) @class
(method_definition (method_name) @name) @function
