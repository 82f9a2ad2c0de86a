"""`python -m acp_agent`: the same as the `acp-agent` command."""

import sys

from acp_agent.cli import main

sys.exit(main())
