require("avante").setup({
  provider = "acp-agent",
  acp_providers = {
    ["acp-agent"] = {
      command = @command@,
      args = @args@,
      env = vim.fn.environ(), -- without it, avante passes PATH and nothing else
    },
  },
})
