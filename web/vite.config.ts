import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { pdfjsFiles } from "./build/pdfjs.ts";
import { precompress } from "./build/precompress.ts";

export default defineConfig({
  plugins: [react(), pdfjsFiles(), precompress()],
  html: { cspNonce: "__CSP_NONCE__" },
  build: {
    // inside the Python package, so that it travels with it
    outDir: "../server/page",
    emptyOutDir: true,
    target: "es2022",
    manifest: true,
    // the CSP allows no data: fonts or styles
    assetsInlineLimit: 0,
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8100" } },
});
