require("avante").setup({
  provider = "acp-agent",
  acp_providers = {
    ["acp-agent"] = {
      command = "acp-agent",
      args = {},
      env = vim.fn.environ(), -- without it, avante passes PATH and nothing else
    },
  },
})
