// Node.js wants the extensions of what it imports; a bundler does not need this option.
export default {
  input: "openapi.json",
  output: { path: "generated", importFileExtension: ".js" },
  plugins: ["@hey-api/client-fetch", "@hey-api/sdk", "@hey-api/typescript"],
};
