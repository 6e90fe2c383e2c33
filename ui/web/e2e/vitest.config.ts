import { defineConfig } from "vitest/config";

// One browser and one server at a time; a page may take its time on a busy machine.
export default defineConfig({
  test: { environment: "node", include: ["e2e/**/*.test.ts"], fileParallelism: false, testTimeout: 120_000, hookTimeout: 120_000 },
});
