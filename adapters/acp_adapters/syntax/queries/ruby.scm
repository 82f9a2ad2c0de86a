(module name: (_) @name) @module
(class name: (_) @name) @class
(method name: (_) @name) @function
(singleton_method object: (_) @owner name: (_) @name) @function
(alias name: (_) @name) @function
(assignment left: [(constant) (scope_resolution)] @name) @constant
(call method: (identifier) @_call arguments: (argument_list . (simple_symbol) @name) (#eq? @_call "define_method")) @function
