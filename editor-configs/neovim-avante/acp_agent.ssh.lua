require("avante").setup({
  provider = "acp-agent",
  acp_providers = {
    ["acp-agent"] = {
      command = "ssh",
      args = { "-T", "-o", "BatchMode=yes", "devbox", "acp-agent", "serve", "--own-files" },
      env = vim.fn.environ(), -- without it, avante passes PATH and nothing else
    },
  },
})
