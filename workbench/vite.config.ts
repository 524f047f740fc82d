import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// Django serves dist/ under /static/wb/ and finds the hashed names in the manifest (django-vite).
export default defineConfig({
  base: "/static/wb/",
  plugins: [svelte({ compilerOptions: { runes: true } })],
  build: {
    manifest: "manifest.json",
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    rollupOptions: { input: ["src/upload.ts", "src/importing.ts", "src/live.ts", "src/exports.ts", "src/recording.ts", "src/workbench.ts"] },
  },
});
