(call target: (identifier) @_call (arguments . (alias) @name) (do_block) (#any-of? @_call "defmodule" "defprotocol")) @module
(call target: (identifier) @_call (arguments . (alias) @owner (keywords (pair value: (_) @name))) (do_block) (#eq? @_call "defimpl")) @impl
(call target: (identifier) @_call
  (arguments . [
    (call target: (identifier) @name)
    (identifier) @name
    (binary_operator left: (call target: (identifier) @name) operator: "when")
    (binary_operator left: (identifier) @name operator: "when")])
  (#any-of? @_call "def" "defp" "defdelegate" "defguard" "defguardp" "defmacro" "defmacrop")) @function
(call target: (identifier) @_call (arguments . (binary_operator operator: _ @name))
  (#any-of? @_call "def" "defp" "defmacro" "defmacrop") (#not-eq? @name "when")) @function
