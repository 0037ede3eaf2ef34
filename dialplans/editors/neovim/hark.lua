-- Starts `hark dialplan lsp` for .dial files. Neovim 0.11 or newer.
vim.lsp.config("hark", {
  cmd = { "hark", "dialplan", "lsp" },
  filetypes = { "hark-dial" },
  root_markers = { "main.dial", "hark.toml", ".git" },
})
vim.lsp.enable("hark")

-- Brings a file into the one style when it is written.
vim.api.nvim_create_autocmd("BufWritePre", {
  pattern = "*.dial",
  callback = function()
    vim.lsp.buf.format({ timeout_ms = 1000 })
  end,
})
