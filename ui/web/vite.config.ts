import { lingui } from "@lingui/vite-plugin";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Every asset is a file of its own origin: the server's policy forbids inline scripts, styles and data: fonts.
export default defineConfig({
  plugins: [react(), lingui()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    rollupOptions: { output: { hashCharacters: "hex" } },
  },
  server: { proxy: { "/api": { target: "https://127.0.0.1:9443", secure: false } } },
  test: { environment: "jsdom" },
});
