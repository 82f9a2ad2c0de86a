require("codecompanion").setup({
  adapters = {
    acp = {
      acp_agent = function()
        return require("codecompanion.adapters").extend("kimi_cli", {
          name = "acp_agent",
          formatted_name = "acp-agent",
          commands = { default = { "ssh", "-T", "-o", "BatchMode=yes", "devbox", "acp-agent", "serve", "--own-files" } },
        })
      end,
    },
  },
})
