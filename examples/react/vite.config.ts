import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// strictPort: on another port the page would be of an origin that Farebox does not allow.
export default defineConfig({
  plugins: [react()],
  server: { port: 5173, strictPort: true },
});
