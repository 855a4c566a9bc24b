import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { applyTheme, theme } from "./account/preferences";
import { queryClient } from "./api/queries";
import { App } from "./App";
import { begun } from "./i18n";
import "./styles/base.css";

declare global {
  // where libraries that make style elements look for the nonce of the page's CSP
  var __webpack_nonce__: string | undefined;
}

globalThis.__webpack_nonce__ = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce;
applyTheme(theme());

await begun;
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
