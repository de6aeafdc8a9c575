import tseslint from 'typescript-eslint';
import importX from 'eslint-plugin-import-x';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';

const nodeModules = [
  'node:*',
  'fs',
  'path',
  'os',
  'worker_threads',
  'child_process',
  'crypto',
  'url',
  'util',
];

export default tseslint.config(
  { ignores: ['build/', 'node_modules/', 'bench/results/'] },
  ...tseslint.configs.recommended,
  {
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver()] },
    rules: {
      'import-x/no-cycle': 'error',
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/host/node/**', 'src/node/**', 'src/cli/**', 'src/index.ts', '**/*.test.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: ['node:*'], paths: nodeModules }] },
  },
  {
    files: ['bin/**'],
    rules: { '@typescript-eslint/no-require-imports': 'off' },
    languageOptions: { globals: { require: 'readonly', module: 'writable', __dirname: 'readonly' } },
  },
  {
    files: ['scripts/**', 'test/**', 'bench/**', 'examples/**', 'src/cli/**'],
    rules: { 'no-console': 'off' },
  },
);
