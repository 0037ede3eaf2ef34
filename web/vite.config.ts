import { defineConfig } from 'vite';

export default defineConfig({
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    // The content security policy allows no `data:` address: every asset is a file of ours.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The link page, which the server writes, finds its recorder by the name `assets/answer-….js`.
    rollupOptions: { input: { index: 'index.html', answer: 'src/answer.ts' } },
    // mediabunny is loaded on its own, after the first screen is drawn.
    chunkSizeWarningLimit: 700,
  },
  server: {
    // `npm run dev` beside `hark serve`: same origin as far as the browser can tell, and as far as
    // the server can, which compares Origin with Host.
    proxy: {
      '/api': { target: 'http://127.0.0.1:8080', changeOrigin: false },
      '/m': { target: 'http://127.0.0.1:8080', changeOrigin: false },
      '/ws': { target: 'ws://127.0.0.1:8080', changeOrigin: false, ws: true },
    },
  },
});
