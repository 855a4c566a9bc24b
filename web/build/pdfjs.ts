import { cpSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

/** What pdf.js fetches by itself: without cmaps a Chinese PDF whose fonts are not embedded shows nothing. */
export function pdfjsFiles(): Plugin {
  let folder = "";
  return {
    name: "pdfjs-files",
    apply: "build",
    configResolved(config) {
      folder = join(config.build.outDir, "pdfjs");
    },
    writeBundle() {
      for (const part of ["cmaps", "standard_fonts", "wasm"]) {
        cpSync(join("node_modules", "pdfjs-dist", part), join(folder, part), { recursive: true });
      }
    },
  };
}
