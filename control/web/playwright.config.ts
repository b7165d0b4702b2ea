import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

import { defineConfig } from "@playwright/test";

// Names of Chromium on Debian and Ubuntu.
const browsers = ["chromium", "chromium-browser"].flatMap((name) =>
  (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name)),
);

export default defineConfig({
  projects: [
    { name: "tests", testDir: "tests" },
    { name: "bench", testDir: "bench" },
    { name: "pictures", testDir: "pictures" },
  ],
  workers: 1,
  // Generous: the machine may be busy, and no test measures its speed.
  timeout: 180_000,
  expect: { timeout: 30_000 },
  reporter: "list",
  use: {
    viewport: { width: 1280, height: 900 },
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? browsers.find((file) => existsSync(file)) ?? "/usr/bin/chromium",
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    },
  },
});
