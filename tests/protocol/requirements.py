"""What the protocol and its clients demand of this agent, each demand with a name that tests carry.

An entry is two lines: name, level and source; below them the demand. MUST and SHOULD are the
specification's words, INTEROP is what clients in use depend on. Sources are pages of the specification's
`docs/protocol/v1`, the TypeScript SDK, the conformance kit (TCK), or the client that was seen to need it.
"""

from __future__ import annotations

from typing import NamedTuple


class Requirement(NamedTuple):
    id: str
    level: str
    source: str
    text: str


def entries(group: str, table: str) -> tuple[Requirement, ...]:
    """The requirements of a group, their ids prefixed with its name."""
    lines = [line for line in table.splitlines() if line.strip()]
    pairs = zip(lines[::2], lines[1::2], strict=True)
    return tuple(
        Requirement(f"{group}.{name}", level, source, text.strip())
        for (name, level, source), text in ((head.split(maxsplit=2), text) for head, text in pairs)
    )


FRAMING = entries(
    "framing",
    """
one-object-per-line  MUST  transports
    Each line out is one JSON-RPC object in UTF-8 that ends in a newline.
clean-output  MUST  transports
    Nothing else reaches standard output, whatever a command of a tool prints.
quiet-stderr  INTEROP  transports; acp.el reports every write as an error
    Standard error stays empty, also when something fails.
utf8-any-locale  MUST  transports
    Text is UTF-8 both ways, whatever the locale.
line-endings  INTEROP  TypeScript SDK, line buffer
    A carriage return before the newline, blank lines and a last line without newline are accepted.
lone-surrogates  INTEROP  transports
    Text that is no valid Unicode leaves escaped or replaced.
large-lines  INTEROP  TypeScript SDK limits
    A line of 32 MiB is read; a much longer one gets an error and the connection goes on.
short-lines-out  INTEROP  Toad's reader ends at 10 MiB
    Lines out stay under 1 MiB however much a file or command holds.
hostile-json  INTEROP  TypeScript SDK, stream
    Deep nesting and huge numbers do not end the connection.
""",
)

JSON_RPC = entries(
    "rpc",
    """
parse-error  SHOULD  error
    A line that is not JSON gets -32700 with a null id.
not-an-object  SHOULD  TypeScript SDK
    An array, a scalar or null gets one -32600 with a null id, and none of an array is done.
unrecognised-object  SHOULD  TypeScript SDK, jsonrpc
    An object that is neither request, notification nor response gets -32600 with a null id.
id-echo  MUST  schema; TCK
    A response has its request's id, in value and type.
result-or-error  MUST  overview
    A response has either a result or an error with an integer code and a message.
notification-unanswered  MUST  overview
    Notifications are never answered.
method-not-found  SHOULD  extensibility, error
    A request with a method that is unknown or was not announced gets -32601.
extension-request-answered  MUST  extensibility
    A request whose method begins with an underscore gets an answer.
unknown-notification-ignored  SHOULD  extensibility
    Unknown notifications, extensions and `$/` ones too, change nothing.
invalid-params  SHOULD  error
    Parameters that are missing, of the wrong type or of no known value get -32602.
stray-responses-ignored  INTEROP  Toad answers notifications
    Responses to no request of ours, and errors with a null id, change nothing.
lenient-reading  INTEROP  schema annotations
    Unknown fields are ignored and optional fields that do not fit count as absent.
reader-never-blocked  INTEROP  prompt-turn
    While a turn runs, other messages are handled at once.
meta  SHOULD  extensibility
    `_meta` is accepted with every message, and is an object or null where we send it.
""",
)

SHUTDOWN = entries(
    "shutdown",
    """
eof  INTEROP  transports; TCK
    When input ends the agent stops its turns and commands and exits with 0 within 2 s.
sigterm  INTEROP  TCK
    SIGTERM ends the agent in the same way.
no-survivors  INTEROP  clients kill agents
    A killed agent or a killed client leaves no process behind for longer than 2 s.
broken-pipe  INTEROP  clients close pipes
    A client that stops reading ends the agent quietly.
any-input  INTEROP  registry start test
    Input from a file or from the null device works and ends the agent with 0.
bare-environment  INTEROP  avante
    The agent works with the search path as its only ordinary variable.
""",
)

INITIALIZE = entries(
    "initialize",
    """
supported-version  MUST  initialization
    Version 1 is answered with version 1.
unsupported-version  MUST  initialization; TCK
    Any other version is answered with version 1, not with an error and not with an echo.
first  SHOULD  error
    Requests before `initialize` get -32600, and it can still come.
again  INTEROP  TCK
    A second `initialize` is answered as the first was, or with -32600.
capabilities-optional  MUST  initialization
    What the client does not say it can do is not asked of it; capabilities and info may be absent.
agent-info  SHOULD  initialization
    The agent names itself and its version.
capability-encoding  MUST  schema
    Capabilities are booleans or objects as the schema has them.
prompt-answer  INTEROP  CodeCompanion waits 20 s, the registry's check one line
    `initialize` needs no settings and is answered before a client loses patience.
no-network  INTEROP  registry check; CodeCompanion waits 20 s
    Until the first prompt no request goes to a model service.
known-keys  MUST  extensibility
    Objects of the protocol have only its own keys; anything else is under `_meta`.
auth-method  INTEROP  registry check
    There is always an authentication method that the agent handles by itself, without a model too.
terminal-auth  MUST  authentication
    Methods of type `terminal`, or with the older `_meta`, go only to who announced them, after the other.
unique-auth-methods  SHOULD  TCK
    The ids of the authentication methods differ.
""",
)

SESSION = entries(
    "session",
    """
unique-id  MUST  session-setup
    Each session has an id of its own that is not empty.
absolute-cwd  MUST  session-setup
    A relative folder gets -32602; the session works in its folder, not in the process's.
absolute-paths  MUST  overview
    Paths sent are absolute and lines count from 1.
answer-before-updates  INTEROP  Zed drops them, JetBrains stops
    No update of a new session comes before the answer to `session/new`.
commands  INTEROP  slash-commands
    Each session's commands are announced after its answer.
mcp-servers  MUST  session-setup
    Servers spoken to over stdio are connected, and their tools are the model's.
unreachable-servers  SHOULD  session-setup; Zed sends types that were not announced
    A server in `mcpServers` that cannot be reached, of whatever type, does not fail the session.
additional-directories  MUST  session-setup
    Additional folders are absolute, widen the boundary, and are never restored by themselves.
announced-again  INTEROP  Zed
    Commands and options are sent again after a session is loaded or resumed.
boundary  SHOULD  session-setup
    The session's folder bounds what file tools change without asking.
option-defaults  MUST  session-config-options
    Every option has a value from its choices, and a session works if none is ever set.
modes-in-step  SHOULD  session-config-options
    The mode is both a mode and an option; setting either announces both.
no-boolean-options  MUST  session-config-options
    Boolean options go only to clients that announced them.
boolean-options  MUST  session-config-options
    Who announced boolean options gets switches as such and may set them so; others get selectors.
option-groups  SHOULD  session-config-options
    Models are grouped by provider when there are several.
complete-options  MUST  session-config-options
    Answers and updates hold all options; with another model come its thought levels.
option-values  SHOULD  error
    An option or value that there is not gets -32602 and a message that names what there is.
configured-options  INTEROP  people's settings
    Mode, model, thought level and switches begin as the settings say.
options-restored  INTEROP  people's expectation
    What was set in a session is set after loading it, as far as it can be; the rest is said. Never yolo.
options-while-busy  INTEROP  Zed sets options right after `session/new`
    Options may be set while a turn runs and count from the next model request.
sandbox  INTEROP  people's expectation
    What confines commands is an option: it shows what it came to, and counts from the next command on.
sandbox-closed  INTEROP  people's safety
    A sandbox that was asked for and does not work is said; no project, journal or mode makes it give way.
set-model  INTEROP  JetBrains Air, agent-shell, avante and acpx still send it
    `session/set_model` sets the model option; a bare id that only one provider has will do.
options-in-answer  INTEROP  Zed
    The answer to `session/new` has the options, so that clients accept updates of them.
authenticate  INTEROP  CodeCompanion does it at every start
    `authenticate` returns at once when there is a usable model, else says what to do; unknown ids get -32602.
logout  MUST  authentication
    After `logout` new sessions need `authenticate` again.
auth-status  SHOULD  authentication status RFD
    The state of authentication is told with provider, host and source of the key, and never asks for any.
providers  SHOULD  providers RFD
    Providers are listed without secrets, can be redirected and disabled.
dispatch-table  SHOULD  schema
    The methods that are answered are those of the schema.
auth-required  SHOULD  session-setup; Zed shows it
    Without a usable model `session/new` gets -32000 with a message that says what to set.
unknown-id  SHOULD  error
    Requests for a session that is not there get -32002.
""",
)

SAVED = entries(
    "saved",
    """
replay  MUST  session-setup
    `session/load` shows the whole conversation in order, before its answer.
replay-final  MUST  session-setup; TCK
    Nothing of the replay comes after the answer; what follows is live.
same-ids  SHOULD  session-setup
    A replay has the message and call ids of when it happened.
no-notices  SHOULD  session notices RFD
    A replay holds no notices.
no-old-terminals  INTEROP  Zed rejects the whole update
    A replay names no terminal; what was in it is text.
final-calls  INTEROP  clients show a spinner for ever
    Every call of a replay has its final status, also if the agent was killed while it ran.
few-updates  INTEROP  Emacs is slow with many
    A replay tells one message or call in one update.
resume-silent  MUST  session-setup
    `session/resume` shows no history before its answer.
goes-on  MUST  session-setup
    After load and resume the model knows what was said before.
unknown-id  SHOULD  error
    A session that cannot be opened is an error with its id, never a new session.
answer  INTEROP  acp.el
    The answers of load and resume are objects with modes and options.
no-old-folders  MUST  session-setup
    Additional folders of before are not restored by themselves.
list  MUST  session-list
    Saved sessions are listed with absolute folders; none is an empty list; the folder filter is exact.
pages  SHOULD  session-list
    Pages are bounded, the last one has no cursor, and a cursor that is not ours gets -32602.
updated-at  MUST  session-list
    `updatedAt` is a time with its zone in the form of RFC 3339.
delete  SHOULD  session-delete
    A deleted session is not listed any more; deleting one that is not there succeeds.
close  MUST  session-setup
    Closing cancels what runs, answers its prompt `cancelled`, and frees the session.
close-unknown  SHOULD  TypeScript SDK
    Closing a session that is not open succeeds.
close-kills  INTEROP  session-setup
    Closing and deleting end the commands of the session.
locked  INTEROP  two editors
    A session that another process has open cannot be opened twice.
fork  SHOULD  session fork RFD
    A fork begins with the conversation of the other session and leaves that as it is.
archive  SHOULD  session archive RFD
    Archived sessions are listed only on demand, and can be taken out again.
status  SHOULD  session status RFD
    The status of a session is told without opening it.
title  SHOULD  session title RFD
    A title that a person gives is stored, told and stays; an empty one gets -32602.
""",
)

PROMPT = entries(
    "prompt",
    """
baseline-content  MUST  initialization
    Text and resource links are always accepted.
announced-content  MUST  initialization, content
    Images, audio and embedded resources are accepted if announced and get -32602 otherwise.
dead-link  INTEROP  content
    A link to what cannot be read does not fail the turn.
image  MUST  content
    An image reaches a model that sees, and is made smaller first where it is large.
blind-model  INTEROP  agents drop images silently
    A model that cannot see is told that there was an image, and the person how to change that.
broken-image  INTEROP  content
    An image that is damaged, or too large to be opened, does not fail the turn.
embedded-bytes  INTEROP  content
    Embedded bytes reach the model as an image or text, or are told of with their name, type and size.
lazy-link  INTEROP  content
    What a link names is told to the model, but neither read nor fetched.
mentions  INTEROP  many clients send what was typed
    `@path`, lines of it, folders and `@diff` in text are resolved, but for what the client has sent itself.
mentions-obey  MUST  permissions
    A mention reads nothing that would have to be asked about, and the model is told why.
content-replayed  SHOULD  session-setup
    What was sent with a prompt is shown again when a session is loaded, in lines of less than 1 MiB.
stop-reason  MUST  prompt-turn
    A turn ends with one of the five reasons.
updates-first  MUST  prompt-turn
    All updates of a turn come before its answer.
message-ids  SHOULD  schema
    Chunks of one message share a message id, and another message has another.
no-echo  INTEROP  Toad shows it twice
    A live prompt is not repeated as an update.
unknown-command  INTEROP  slash-commands
    An unknown slash command is a prompt like any other.
limits  INTEROP  prompt-turn
    Limits end a turn with `max_turn_requests` or `max_tokens`, not with an error.
refusal  MUST  prompt-turn
    A model that refuses ends the turn with `refusal`.
provider-failure  INTEROP  Zed, Toad
    A failing provider is an error with a readable message and `data.details`.
queue  INTEROP  agents differ; clients send them
    A prompt to a busy session waits its turn, first come first served.
concurrent-sessions  MUST  overview
    Sessions run side by side.
trace-context  SHOULD  extensibility
    Trace context in `_meta` is passed on.
sign-of-life  INTEROP  people think that it hangs
    A wait for the model, an approval or a tool that takes long is explained while it lasts.
no-hostage  INTEROP  CodeCompanion never answers some requests
    A client that never answers can still cancel and close.
never-empty  INTEROP  clients show nothing
    A turn in which the model says nothing still shows something and ends with `end_turn`.
updates-between-turns  SHOULD  the draft of v2
    Commands, modes, options, titles and notices are told when they change, in a turn or not.
usage  INTEROP  prompt-turn
    Usage follows each model request, as whole numbers.
usage-of-prompt  INTEROP  schema, not stable yet
    The answer says what the prompt took if the provider did, each token once.
coalesced  INTEROP  Emacs and Python clients are slow
    A fast stream is joined into few updates without losing a character.
""",
)

COMMANDS = entries(
    "commands",
    """
begins-prompt  INTEROP  slash-commands
    A known command is the beginning of the first text block; other blocks may follow.
advertised  INTEROP  slash-commands; Zed refuses what is not advertised
    Names without a slash, each once, with a description and a hint where something may follow.
answered-locally  INTEROP  slash-commands
    A command ends with `end_turn`, shows its answer, and the model is not told of it.
replayed  INTEROP  session-setup
    A command and its answer are shown again when the session is loaded.
aliases  INTEROP  people who type
    Aliases of the settings are commands too, and never shadow one.
no-trace  INTEROP  see /btw
    A question beside the conversation leaves it as it was.
take-back  INTEROP  see /undo, /retry, /clear
    What was taken back is neither told to the model nor shown when the session is loaded.
""",
)

REWIND = entries(
    "rewind",
    """
listed  INTEROP  see /rewind
    The turns of the conversation are listed with what each has changed, commands included.
files-or-conversation  INTEROP  see /rewind
    Files, the conversation or both go back; the model is told when only files did.
redo  INTEROP  zed #28676: restoring was destructive
    What was taken back can be taken forth again, any number of times, byte for byte.
keeps-edits  INTEROP  zed #28676
    What a person has changed since stays, unsaved text too; what touches it is left alone and named.
commands  INTEROP  people who use formatters
    What commands made, removed, moved, relinked or made executable goes back too, with git and without.
queued  INTEROP  prompt-turn
    It waits for the turn that runs, as every prompt does.
methods  INTEROP  extensibility; claude-agent-acp #1048
    Clients list turns, go back and forth by methods of ours, announced in the capabilities.
replayed  INTEROP  session-setup
    It works in a loaded session, whose replay leaves out what was taken back.
gone  INTEROP  see docs/undo.md
    Where snapshots are gone files are left alone, and that is said.
private  INTEROP  see docs/undo.md
    Snapshots are readable by the user alone, are not for tools, and go with their session.
full-disk  INTEROP  people with full disks
    An edit that cannot be kept is made all the same, and it is said that it cannot be taken back.
""",
)

COMPACTION = entries(
    "compaction",
    """
one-end  MUST  schema
    A compaction begins in_progress and reaches one terminal status, also when cancelled.
summary-or-error  MUST  schema
    The summary comes only with completed, an error only with failed.
gated  MUST  schema
    Clients that have not announced compaction get the summary as text.
kept  INTEROP  session-setup
    A loaded session goes on from the summary and shows the whole conversation.
""",
)

CANCEL = entries(
    "cancel",
    """
ends-turn  MUST  prompt-turn
    `session/cancel` stops model and tools and the prompt is answered `cancelled`, not with an error.
nothing-after  MUST  prompt-turn
    After the answer nothing more comes of a cancelled turn.
final-calls  MUST  tool-calls
    Every tool call that was open gets a final status.
pending-permission  MUST  prompt-turn, cancellation
    A pending permission request is withdrawn with `$/cancel_request` and not waited for.
late-answer  INTEROP  clients race
    An answer to a withdrawn request changes nothing.
idle  INTEROP  TCK
    A cancel without a turn, or for no known session, is silent and spares the next prompt.
twice  INTEROP  impatient people
    A second cancel of the same turn changes nothing.
then-prompt  INTEROP  Zed
    A prompt right after a cancel works.
queue  INTEROP  see prompt.queue
    A cancel also answers the queued prompts with `cancelled`.
request  MUST  cancellation
    `$/cancel_request` for a prompt ends it like a cancel, and the request is still answered.
other-requests  MUST  cancellation
    Every other request that is cancelled is still answered, with what it gives or with -32800.
keeps-partial-text  INTEROP  prompt-turn
    What a cancelled turn had said and done is kept, and shown when the session is loaded.
""",
)

TOOLS = entries(
    "tools",
    """
lifecycle  SHOULD  tool-calls, prompt-turn
    A call is announced as pending, runs as in_progress and ends as completed or failed.
announced-early  SHOULD  tool-calls
    A call is announced before its arguments are complete; its title and `rawInput` follow.
failure  SHOULD  prompt-turn
    A call that cannot be done ends as failed.
unique-ids  MUST  tool-calls
    Call ids are unique within a session.
announced-first  INTEROP  CodeCompanion
    `tool_call` comes before any update or permission request of that call.
raw-objects  INTEROP  Toad drops the update
    `rawInput` and `rawOutput` are objects and `name` is the tool's.
title  INTEROP  CodeCompanion, agent-shell
    A call has a kind and a title without a colon.
diff  MUST  tool-calls
    An edit shows a diff with an absolute path; the old text of a new file is null.
locations  SHOULD  tool-calls
    Reads, edits and searches say where, with a line.
whole-plan  MUST  agent-plan
    Each plan update holds the whole plan.
streamed-output  INTEROP  tool-calls
    A command's output is shown while it runs, and its exit status at the end.
bounded-output  INTEROP  clients read lines of a few MiB, and people less
    Of long output a person sees a part and where the rest is.
command-changes  INTEROP  people review what agents do, and shell edits pass them by
    What a command has changed is shown as diffs after its output, wherever it ran, however it ended.
""",
)

PERMISSION = entries(
    "permission",
    """
self-contained  INTEROP  CodeCompanion, agent-shell
    A permission request holds title, kind, content and place, the diff of an edit first.
options  INTEROP  clients that pick by kind take the first; CodeCompanion knows one of a kind
    Each kind is offered, of several the narrowest first; who knows one of a kind is offered one.
guess-proof-options  MUST  an answer must not pass for that to another question
    The ids of the options are those of one question and of no other.
right-answer  MUST  tool-calls
    An answer counts for its own question: swapped, late, repeated and foreign ones approve nothing.
explained  INTEROP  people approve what they see
    A permission request shows the whole command, what hides in it, why it asks, and what would be stored.
words  INTEROP  `_meta` of the outcome
    What a person says with a refusal reaches the model.
unanswered  INTEROP  people go away
    A question that nobody answers in time is withdrawn and refused, and the model told so.
project  INTEROP  people answer the same in every session
    What was allowed for the project holds in its other sessions until it is taken back.
only-allow-allows  MUST  tool-calls
    Only a selected allow option approves; every other answer, and none, is a denial.
rejection-goes-on  INTEROP  tool-calls
    A rejected call fails, the model is told, and the turn goes on.
remembered  SHOULD  tool-calls
    `allow_always` and `reject_always` are remembered.
modes  SHOULD  session-modes
    Modes decide what is asked: restrictive edits too, accept none inside the folder, yolo nothing.
plan  SHOULD  session-modes
    In plan mode reading goes on and changes are refused unasked; the model is told, and told of its end.
""",
)

SERVICES = entries(
    "services",
    """
files-only-if-offered  MUST  file-system
    `fs/*` is used only where exactly that method was offered.
no-terminal  MUST  terminals
    `terminal/*` is not used without `terminal: true`.
gated-updates  MUST  schema
    Notices, compaction, plan and subagent updates go only to clients that announced them.
silent-client  INTEROP  CodeCompanion
    A client that does not answer a file or terminal request does not hang the turn.
missing-file  INTEROP  CodeCompanion and Toad answer with an empty text
    A missing file is known as missing, whatever the client answers for it.
unsaved-buffers  INTEROP  file-system
    Reads see the editor's unsaved text and edits go through the editor, what it makes of them included.
elicitation  MUST  elicitation
    Questions come only in announced forms, ask for no secrets, and may be declined.
""",
)

TERMINALS = entries(
    "terminals",
    """
choice  INTEROP  terminals; Zed shows ours
    Commands run in the client's terminals where they are offered and the settings do not say otherwise.
lifecycle  MUST  terminals
    A terminal is created, shown by its call, waited for, read and released; the record has its text alone.
environment  INTEROP  clients give terminals their own environment
    No secret is sent for a terminal, and none that we know of is seen in it.
cancelled  MUST  terminals
    Terminals of a cancelled turn are killed and released.
released  MUST  terminals
    Every terminal is released, whatever fails.
fallback  INTEROP  clients offer what they do not have
    A command that no terminal has run is run by the agent; one that may have run, or was refused, is not.
display  INTEROP  Zed's extension terminal_output, codex-acp's terminal_output_delta
    The output of our own commands goes live to clients that say they know how, and as text to others.
""",
)

MCP = entries(
    "mcp",
    """
remote  SHOULD  session-setup
    Servers at an address are connected in the ways that are announced, with the headers given.
asked  INTEROP  tool-calls
    A call of a server's tool asks like any other, and an answer for good is about exactly that tool.
pinned  INTEROP  servers change what they say of a tool once it is allowed; CVE-2025-54136
    A tool that is not as it was when it was allowed asks, whatever was allowed, and shows what has changed.
fenced  INTEROP  servers answer with instructions
    What a server says reaches the model as data in a fence that it cannot close, nothing in it invisible.
cancelled  MUST  prompt-turn, cancellation
    Cancelling a turn cancels the call at its server, which goes on to serve others.
restarted  INTEROP  servers die
    A server that dies fails the call, and is started again for the next one.
ended  MUST  session-setup; clients kill agents
    The servers of a session end with it, and with the agent, however that ends.
""",
)

TRUST = entries(
    "trust",
    """
first  INTEROP  CVE-2025-59536 and its like
    Nothing that a project's settings have run, redirect or allow counts before the user trusts it.
changed  INTEROP  CVE-2025-54136
    Trust is about exactly what was shown: other settings, or another script that they name, are not trusted.
loaded  INTEROP  session-setup
    A session that is loaded or resumed is judged anew; nothing of trust comes from its journal.
instructions  INTEROP  security of AGENTS.md
    What hides in instruction files is shown, and those of dependencies are data.
""",
)

REMOTE = entries(
    "remote",
    """
carriers  INTEROP  RFD streamable HTTP and WebSocket; Copilot CLI's TCP mode
    Over TCP and Unix sockets a line is a message, over a WebSocket at `/acp` a text frame; all at once.
websocket  MUST  RFD streamable HTTP and WebSocket
    A WebSocket's answer has `Acp-Connection-Id`, and binary frames are ignored.
binary  INTEROP  marimo's use-acp
    At `/message` binary frames are messages too, with or without a newline at their end.
initialize-first  MUST  RFD streamable HTTP and WebSocket
    A WebSocket whose first message is not `initialize` is closed with 1002.
token  INTEROP  RFD streamable HTTP and WebSocket leaves it to headers, query and subprotocol
    Where a token is set, `initialize` gets -32000 until it has come, in the request or in `_meta`.
origin  INTEROP  RFC 6455
    A web page of another origin cannot open a WebSocket.
other-machines  INTEROP  RFD streamable HTTP and WebSocket
    Who can be reached from other machines has a token, and TLS or says that it does without.
own-files  INTEROP  paths are the agent's machine's
    Files and terminals of a client that is remote, or taken for it, count only when it says that it shares.
slow-reader  INTEROP  TypeScript SDK limits
    A client that does not read is closed after a time, or with 64 MiB waiting, and holds up no other.
dropped  INTEROP  RFD streamable HTTP and WebSocket
    A lost connection ends no turn; a client that comes back and resumes sees it go on.
many  INTEROP  one process, many connections
    Two clients may watch one session, and connections leave nothing behind.
administration  INTEROP  extensibility
    Methods of ours are only there for who is known to act for the owner.
""",
)

MONEY = entries(
    "money",
    """
cost  INTEROP  prompt-turn; clients that guessed
    A usage update after every model request says what the session has cost, and nothing when it is not known.
loaded  INTEROP  session-setup
    A session that is loaded has cost what it had cost, what was asked beside it too; a fork nothing yet.
warned  INTEROP  surprise bills
    Near the end of a budget the person is told once, in a form that their client shows.
asked  INTEROP  surprise bills
    At its end no model is asked before the person has said so; a no ends the turn with words and the usage.
goes-on  INTEROP  surprise bills
    A yes lasts until as much again is spent, and as long as the session is open.
day  INTEROP  surprise bills
    What all sessions of all processes spend in a day of local time is one sum, which outlives them.
stable-prefix  INTEROP  services cache what requests have in common
    System prompt and tools are the same bytes for one model, whatever mode, model or thinking are set to.
""",
)

CLIENTS = entries(
    "clients",
    """
beginning  INTEROP  tests/support/habits.py
    What each client sends and sets before and with its first prompt, in its order, works.
nothing-lost  INTEROP  tests/support/habits.py
    No client is sent an update that it would drop and relies on.
calls-end  INTEROP  tests/support/habits.py
    Every tool call ends in what its client takes in.
self-contained  INTEROP  tests/support/habits.py
    Every permission request can be shown and answered by the client that gets it.
cancelling  INTEROP  tests/support/habits.py
    Cancelling works whatever a client then answers to an open permission request.
side-by-side  INTEROP  tests/support/habits.py
    Two sessions run side by side, in one process or in two.
coming-back  INTEROP  tests/support/habits.py
    Each client's way back to a session leads there.
leaving  INTEROP  tests/support/habits.py
    However a client ends the agent, nothing stays behind.
""",
)

FAULTS = entries(
    "faults",
    """
asked-again  INTEROP  opencode #42827, zed #57856
    A refusal for now, a failing service or a lost connection is asked again, and the person is told.
told-in-the-end  INTEROP  zed #56508, #51058
    What does not pass ends the turn with an error that says what the service said; the prompt is kept.
not-asked-again  INTEROP  block/buzz PR 7317
    A bad key, a bill or a request that is wrong is told at once.
cancel-while-waiting  MUST  prompt-turn
    A turn that waits to ask again can be cancelled.
goes-on  INTEROP  vscode-acp-provider #13
    An answer that breaks off keeps its text, and the model goes on; no text comes twice.
whole  INTEROP  TypeScript SDK, line buffer
    Text and arguments arrive whole, however they are cut.
empty  INTEROP  zed #60702
    An empty answer is asked for again.
overflow  INTEROP  zed #57932
    A conversation that is too long for the model is summed up and sent again.
parked  INTEROP  block/buzz PR 7317, PR 5975
    At a usage limit the turn waits with the person's consent; the prompt outlives the process.
resume  INTEROP  cc-connect PR 1275
    A turn that was cut off can go on without its prompt being sent again.
fallback  INTEROP  zed #62174
    Another model goes on if the settings name it, and else none is asked.
""",
)

MODELS = entries(
    "models",
    """
auto  INTEROP  docs/models.md
    With `auto` each prompt is judged anew, and the person is told which model answers and why.
roles  INTEROP  docs/models.md
    Particular work is done by the model that the settings name for it.
""",
)

LOGIN = entries(
    "login",
    """
exits  MUST  authentication
    The command of a terminal authentication method ends after the login, with 0 if that succeeded.
counts-at-once  INTEROP  people log in in a terminal and go back to the panel
    A login counts for the next session, and for `authenticate`, without a restart.
same-place  INTEROP  editors set variables for the agent alone
    A login that the client starts stores its account where this agent looks for it.
""",
)

REQUIREMENTS = (
    *MODELS,
    *FAULTS,
    *FRAMING,
    *JSON_RPC,
    *SHUTDOWN,
    *INITIALIZE,
    *SESSION,
    *LOGIN,
    *SAVED,
    *PROMPT,
    *COMMANDS,
    *REWIND,
    *COMPACTION,
    *CANCEL,
    *TOOLS,
    *PERMISSION,
    *SERVICES,
    *TERMINALS,
    *MCP,
    *TRUST,
    *REMOTE,
    *MONEY,
    *CLIENTS,
)

LATER: dict[str, tuple[Requirement, ...]] = {}
"""Demands on parts that this agent does not have yet, and so does not announce, by the reason."""
