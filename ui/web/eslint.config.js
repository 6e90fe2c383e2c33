import tseslint from "typescript-eslint";

const kitOnly = {
  group: ["@patternfly/*"],
  message: "pages take their parts from src/kit, so that the kit below can be replaced",
};
const ownAreaOnly = {
  group: ["../*/*", "!../../*", "!../../*/*"],
  message: "an area does not reach into another: what two of them need lies in src/kit or src/api",
};

export default tseslint.config(
  { ignores: ["dist", "src/api/schema.ts", "src/boot/boot.js"] },
  ...tseslint.configs.strict,
  { files: ["src/**"], ignores: ["src/kit/**"], rules: { "no-restricted-imports": ["error", { patterns: [kitOnly] }] } },
  { files: ["src/pages/**"], rules: { "no-restricted-imports": ["error", { patterns: [kitOnly, ownAreaOnly] }] } },
);
