import tseslint from "typescript-eslint";

const kitOnly = {
  patterns: [
    {
      group: ["@patternfly/*"],
      message: "pages take their parts from src/kit, so that the kit below can be replaced",
    },
  ],
};

export default tseslint.config(
  { ignores: ["dist", "src/api/schema.ts", "src/i18n/*/messages.ts"] },
  ...tseslint.configs.strict,
  { files: ["src/**"], ignores: ["src/kit/**"], rules: { "no-restricted-imports": ["error", kitOnly] } },
);
