"""The conformance checklist of the protocol's reference, item by item: which requirements it comes to.

A line is an item's number, the requirements that test it, and after `--` what the item is about.
"""

from __future__ import annotations

from typing import NamedTuple


class Item(NamedTuple):
    number: int
    requirements: tuple[str, ...]
    about: str


def items(table: str) -> tuple[Item, ...]:
    return tuple(_item(line) for line in table.splitlines() if line)


def _item(line: str) -> Item:
    head, _, about = line.partition(" -- ")
    number, *requirements = head.split()
    return Item(int(number), tuple(requirements), about)


CHECKLIST = items(
    """
1 framing.one-object-per-line -- lines of JSON
2 framing.clean-output -- nothing else on standard output
3 framing.quiet-stderr -- standard error
4 framing.utf8-any-locale -- UTF-8 in every locale
5 framing.line-endings -- carriage returns, blank lines, the end
6 framing.lone-surrogates -- surrogates
7 rpc.parse-error -- what is no JSON
8 rpc.not-an-object -- scalars and arrays
9 rpc.unrecognised-object -- objects that are no message
10 rpc.id-echo -- ids of responses
11 rpc.result-or-error -- form of responses
12 rpc.notification-unanswered -- notifications
13 rpc.method-not-found session.dispatch-table -- unknown methods
14 rpc.extension-request-answered -- extension requests
15 rpc.unknown-notification-ignored -- unknown notifications
16 rpc.invalid-params session.option-values saved.pages -- bad parameters and values
17 rpc.stray-responses-ignored -- responses to nothing
18 rpc.lenient-reading -- malformed optional fields
19 framing.hostile-json framing.large-lines framing.short-lines-out -- nesting, numbers, sizes
20 rpc.reader-never-blocked -- reading goes on
21 shutdown.eof shutdown.sigterm shutdown.no-survivors -- the end
22 shutdown.broken-pipe -- a client that stops reading
23 shutdown.bare-environment -- hardly any environment
24 initialize.supported-version -- version 1
25 initialize.unsupported-version -- other versions
26 initialize.first -- requests before initialize
27 initialize.again -- initialize twice
28 initialize.capabilities-optional -- absent capabilities
29 initialize.agent-info -- name and version
30 initialize.capability-encoding -- booleans and objects
31 initialize.prompt-answer initialize.no-network -- a prompt answer
32 initialize.known-keys -- keys of the protocol's objects
33 initialize.terminal-auth -- terminal methods
34 initialize.unique-auth-methods -- ids of the methods
35 session.logout rpc.method-not-found -- logout
36 session.auth-required -- missing credentials
37 initialize.auth-method -- never -32000 without a method
38 session.authenticate -- authenticate at once
39 login.exits -- the login command
40 session.unique-id -- ids of sessions
41 session.absolute-cwd -- the folder
42 session.absolute-paths -- paths and lines
43 session.answer-before-updates -- no update before the answer
44 session.mcp-servers -- MCP over stdio
45 session.unreachable-servers -- failing MCP servers
46 session.unreachable-servers mcp.remote -- types of MCP servers
47 session.additional-directories saved.no-old-folders -- additional folders
48 session.boundary session.additional-directories -- the boundary of file tools
49 session.option-defaults -- defaults of options
50 session.modes-in-step -- modes and options
51 session.no-boolean-options session.boolean-options -- boolean options
52 session.options-in-answer saved.answer -- options in the answer
53 session.commands session.announced-again -- commands and options of a session
54 saved.replay saved.final-calls -- load
55 saved.resume-silent -- resume
56 saved.replay-final -- the end of a replay
57 saved.same-ids -- ids of a replay
58 saved.no-notices -- notices of a replay
59 saved.no-old-terminals -- terminals of a replay
60 session.unknown-id saved.unknown-id saved.close -- sessions that are not there, or not open
61 saved.answer -- the answer to load
62 saved.list -- list
63 saved.pages -- pages
64 saved.updated-at -- times
65 saved.delete -- delete
66 saved.close -- close
67 saved.close-unknown -- close of what is not open
68 saved.close-kills mcp.ended -- what close and delete end
69 prompt.baseline-content -- text and links
70 prompt.announced-content -- other content
71 prompt.dead-link prompt.lazy-link -- links
72 prompt.stop-reason -- stop reasons
73 prompt.updates-first -- updates before the answer
74 commands.begins-prompt -- the text of a command
75 prompt.unknown-command -- unknown commands
76 prompt.limits money.asked -- limits
77 prompt.provider-failure -- failures
78 prompt.queue cancel.queue -- prompts of a busy session
79 prompt.concurrent-sessions -- sessions side by side
80 prompt.never-empty -- empty answers
81 prompt.updates-between-turns -- updates outside a turn
82 prompt.usage money.cost money.loaded saved.replay -- usage
83 cancel.ends-turn -- cancel
84 cancel.ends-turn -- no error
85 cancel.nothing-after -- the answer last
86 cancel.final-calls -- unfinished calls
87 cancel.pending-permission -- pending permissions
88 cancel.late-answer -- late answers
89 cancel.idle -- nothing to cancel
90 cancel.then-prompt -- a prompt right after
91 cancel.request cancel.other-requests -- cancelled requests
92 terminals.cancelled -- cancelled terminals
93 cancel.keeps-partial-text -- the history of a cancelled turn
94 tools.lifecycle tools.announced-early -- calls at once
95 tools.lifecycle tools.failure -- states of calls
96 tools.unique-ids -- ids of calls
97 tools.announced-first -- tool_call first
98 tools.raw-objects -- rawInput, rawOutput, name
99 tools.diff framing.short-lines-out -- diffs
100 tools.locations -- locations
101 permission.self-contained -- permission for an edit
102 permission.options permission.guess-proof-options -- permission options
103 permission.only-allow-allows -- what approves
104 permission.remembered -- answers for good
105 tools.whole-plan -- plans
106 prompt.coalesced -- few updates
107 services.files-only-if-offered -- fs
108 services.no-terminal -- terminal
109 services.elicitation -- elicitation
110 services.gated-updates compaction.gated -- updates to be announced
111 terminals.released -- released terminals
112 services.silent-client prompt.no-hostage -- clients that do not answer
113 services.missing-file -- missing files
114 services.unsaved-buffers -- unsaved buffers
115 prompt.usage -- whole numbers
116 rpc.meta prompt.trace-context -- _meta
"""
)
