/**
 * Manifest templates: Jinja2, as far as nunjucks has it, with what gramine-manifest offers them. What asks the host (its
 * linker, its python) does so when a template uses it.
 */
import { execFileSync } from 'node:child_process';
import nunjucks from 'nunjucks';
import { CulmError } from '../sandbox/types.js';

type Values = Readonly<Record<string, unknown>>;

function output(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new CulmError('option', `the template needs ${program}: ${why}`);
  }
}

/** The libraries of programs, as the host's linker finds them. */
function ldd(...files: readonly string[]): string[] {
  const found = new Set<string>();
  for (const line of output('ldd', files).split('\n')) {
    const path = /(?:=>\s+|^\s+)(\/\S+)\s+\(0x/.exec(line)?.[1];
    if (path !== undefined) found.add(path);
  }
  return [...found].sort();
}

/** The multiarch folder of the host's C library. */
function runtimeDir(libc: string = 'glibc'): string {
  if (libc !== 'glibc' && libc !== 'musl')
    throw new CulmError('option', `gramine.runtimedir: no libc "${libc}"`);
  return libc === 'musl' ? '/usr/lib/x86_64-linux-musl' : '/lib/x86_64-linux-gnu';
}

function python(code: string): unknown {
  const text = output('python3', ['-c', `import json, sys, sysconfig\nprint(json.dumps(${code}))`]);
  return JSON.parse(text) as unknown;
}

/** sysconfig's paths, each asked for when it is used. */
const pythonValues: Values = {
  get stdlib() {
    return python('sysconfig.get_path("stdlib")');
  },
  get platstdlib() {
    return python('sysconfig.get_path("platstdlib")');
  },
  get purelib() {
    return python('sysconfig.get_path("purelib")');
  },
  get distlib() {
    return python('sysconfig.get_path("stdlib", vars={"py_version_short": str(sys.version_info[0])})');
  },
  get ext_suffix() {
    return python('sysconfig.get_config_var("EXT_SUFFIX")');
  },
  get implementation() {
    return python('{"name": sys.implementation.name, "cache_tag": sys.implementation.cache_tag}');
  },
  get_path: (name: string) => python(`sysconfig.get_path(${JSON.stringify(name)})`),
  get_paths: () => python('sysconfig.get_paths()'),
  get_config_var: (name: string) => python(`sysconfig.get_config_var(${JSON.stringify(name)})`),
  get_sys_path: (interpreter = 'python3') =>
    JSON.parse(
      output(interpreter, ['-c', 'import json, sys\nprint(json.dumps([p for p in sys.path if p]))']),
    ),
};

const GRAMINE: Values = {
  // Culm is the library OS: the path only has to be a good one.
  libos: '/usr/lib/x86_64-linux-gnu/gramine/libsysdb.so',
  pkglibdir: '/usr/lib/x86_64-linux-gnu/gramine',
  runtimedir: runtimeDir,
};

/** Renders a template; a variable that is not defined is an error. `file` names it in errors. */
export function renderTemplate(text: string, variables: Values, file: string): string {
  nunjucks.installJinjaCompat();
  const environment = new nunjucks.Environment(null, {
    autoescape: false,
    throwOnUndefined: true,
    trimBlocks: false,
  });
  const globals: Values = { gramine: GRAMINE, python: pythonValues, env: { ...process.env }, ldd };
  for (const [name, value] of Object.entries(globals)) environment.addGlobal(name, value);
  try {
    return environment.renderString(text, variables);
  } catch (error) {
    if (error instanceof CulmError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new CulmError('option', `${file}: ${tidy(message)}`);
  }
}

/** nunjucks writes '(unknown path) [Line 1, Column 2]\n  reason'. */
function tidy(message: string): string {
  const place = /\[Line (\d+), Column (\d+)\]/.exec(message);
  const reason =
    message
      .split('\n')
      .at(-1)
      ?.trim()
      .replace(/^(Template render error|Error): /, '') ?? '';
  return place === null ? reason : `line ${place[1]}: ${reason}`;
}
