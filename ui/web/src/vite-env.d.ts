/// <reference types="vite/client" />

interface Window {
  /** Answers by their paths, of `boot/boot.js`. */
  early?: Map<string, Promise<Response>>;
}
