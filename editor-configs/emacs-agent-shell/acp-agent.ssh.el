(with-eval-after-load 'agent-shell
  (add-to-list 'agent-shell-agent-configs
               (agent-shell-make-agent-config
                :identifier 'acp-agent
                :mode-line-name "acp-agent"
                :buffer-name "acp-agent"
                :shell-prompt "acp-agent> "
                :shell-prompt-regexp "acp-agent> "
                :client-maker
                (lambda (buffer)
                  (agent-shell--make-acp-client
                   :command "ssh"
                   :command-params '("-T" "-o" "BatchMode=yes" "devbox" "acp-agent" "serve" "--own-files")
                   :context-buffer buffer)))))
