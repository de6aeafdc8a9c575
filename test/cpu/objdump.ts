/**
 * The decoder against objdump: every distinct instruction of a binary's code must have the same length and text.
 *
 *   node build/test/cpu/objdump.js [BINARY...]
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { decode } from '../../src/machine/x86/decode.js';
import { disassemble } from '../../src/machine/x86/disassemble.js';

const LIBRARIES = '/usr/lib/x86_64-linux-gnu';
/** Binaries with much integer, vector and floating-point code; those that are not there are passed over. */
export const BINARIES = [
  '/bin/busybox',
  '/usr/bin/python3',
  `${LIBRARIES}/libc.so.6`,
  `${LIBRARIES}/libstdc++.so.6`,
  `${LIBRARIES}/libm.so.6`,
].filter((path) => existsSync(path));

/** Text that stands for no instruction: prefixes alone, and what the manual does not have. */
const NO_INSTRUCTION =
  /^(?:rex[.A-Z]*|lock .*|repn?z|data16|addr32|[c-gs]s|lock|\(bad\).*|\.byte .*|mov \?,.*|mov .*,\?|mov cs,.*|(?:repn?z )+.*\(bad\).*|(?:.* )?rex[.A-Z]*|repn?z lock .*)$/;
/** The address of a moffs operand beyond 53 bits, which only faults. */
const NOT_CANONICAL = /ds:0x(?!f{4})[0-9a-f]{15,16}\b/;

/** What CPUID does not report, and data between functions that objdump takes for code. */
const BEYOND = new RegExp(
  '^(v|k|\\(bad\\)|rdrand|rdseed|xsave[os]|xrstors|bls[cf]|blci|' +
    'adox|adcx|xbegin|xend|xtest|xabort|rdpid|wrpkru|rdpkru|rdssp|incssp|gf2p8|clwb|clflushopt|' +
    'rdfsbase|rdgsbase|wrfsbase|wrgsbase|l[def]s|lss|lar|lsl|ver[rw]|sysret|sysexit|sysenter|rsm|vm|tpause|umonitor|' +
    'umwait|monitor|mwait|stac|clac|skinit|stgi|clgi|invlpga|cldemote|ptwrite|movdir|enqcmd|setssbsy|saveprevssp|' +
    'rstorssp|wrss|wruss|clrssbsy|pconfig|encl|getsec|montmul|x(?:store|crypt)|ffreep|pf[a-z]+|pi2f|pavgusb|femms)',
);
const PREFIX =
  /^(?:bnd|notrack|data16|cs|ds|es|ss|fs|gs|rex[.A-Z]*|repz|repnz|rep|xacquire|xrelease|addr32) +/;
const KEEPS_REP = /^rep(?:n?z)? (?:movs|stos|lods|cmps|scas)/;
const PRIVILEGED =
  /^(?:in|out|ins|outs|hlt|cli|sti|iret[dqw]?|retf[dqw]?|ret far|call far|jmp far|call FWORD|jmp FWORD|clts|invd|wbinvd|rdmsr|wrmsr|rdpmc|sgdt|sidt|lgdt|lidt|smsw|lmsw|sldt|str|lldt|ltr|invlpg|swapgs|mov (?:.*,)?[cd]r\d|les|lds|lss|lfs|lgs)\b/;
const NOTHING =
  /^(?:nop|prefetch|endbr|feni|fdisi|fsetpm|fneni|fndisi|fnsetpm|reservednop|cldemote|bnd[mcls]|rdssp)/;

const PREDICATES = ['eq', 'lt', 'le', 'unord', 'neq', 'nlt', 'nle', 'ord'];
const PREDICATE = /^cmp(eq|lt|le|unord|neq|nlt|nle|ord)([ps][sd]) (.*)$/;
const STRING = /^((?:rep|repne) )?(movs|stos|lods|cmps|scas) .*?(BYTE|WORD|DWORD|QWORD) PTR.*/;

/** objdump's text in the decoder's terms. */
function expected(text: string): string {
  const target = /# (?:0x)?([0-9a-f]+)/.exec(text);
  let line = text
    .replace(/\s*#.*/, '')
    .replace(/\s*<.*>/, '')
    .trim();
  if (target !== null)
    line = line.replace(/\[[re]ip[^\]]*\]/, `ds:0x${target[1]}`).replace(/([fg]s:)ds:/, '$1');
  line = line.replace(/\s+/g, ' ');
  while (PREFIX.test(line) && !KEEPS_REP.test(line)) line = line.replace(PREFIX, '');
  if (PRIVILEGED.test(line)) return 'privileged';
  if (NOTHING.test(line)) return 'nop';
  return plain(line);
}

/** Leaves out what two spellings of one instruction differ in. */
function plain(line: string): string {
  return line
    .replace('movabs', 'mov')
    .replace(/^(j\w+|call|loop\w*) (?=[0-9a-f]+$)/, '$1 0x')
    .replace(PREDICATE, (_, name: string, type: string, operands: string) => {
      return `cmp${type} ${operands},0x${PREDICATES.indexOf(name).toString(16)}`;
    })
    .replace(/^(f\w+) st,(?=\w+ PTR)/, '$1 ')
    .replace(/^(fu?comp?|fxch) st,(?=st)/, '$1 ')
    .replace(/^f(?=(?:clex|init|save|stenv|stcw|stsw)\b)/, 'fn')
    .replace(/^(rep n?z|repz|repnz) /, (word) => (word === 'repnz ' ? 'repne ' : 'rep '))
    .replace(
      STRING,
      (_, rep: string | undefined, name: string, size: string) =>
        `${rep ?? ''}${name}${size[0].toLowerCase()}`,
    )
    .replaceAll('st(0)', 'st')
    .replace(/^xchg ax,ax$/, 'nop')
    .replace(/,1$/, ',0x1')
    .replace(/\*1(?=[+\-\]])/, '')
    .replace(/\+[er]iz(?:\*\d)?/, '')
    .replace(/\[[er]iz\*\d\+(0x[0-9a-f]+)\]/, 'ds:$1')
    .replace(/\+0x0\]/, ']')
    .replace(
      /^(v?pclmul)([lh])q([lh])qdq (.*)$/,
      (_, stem: string, first: string, second: string, operands: string) =>
        `${stem}qdq ${operands},0x${second === 'h' ? '1' : ''}${first === 'h' ? '1' : '0'}`,
    )
    .replace(/^ud[01].*/, 'ud2')
    .replace(/^int1|^icebp/, 'int1')
    .replace(/^jcxz/, 'jrcxz')
    .replace(/^xlat .*/, 'xlat')
    .trim();
}

export interface Mismatch {
  readonly bytes: string;
  readonly decoded: string;
  readonly objdump: string;
}

export interface Report {
  readonly instructions: number;
  readonly beyond: number;
  readonly mismatches: readonly Mismatch[];
}

/** objdump shows fwait and the instruction behind it as one. */
const JOINED_WAIT = /^9b (?=.)/;

function compareLine(hex: string, address: number, text: string): Mismatch | 'equal' | 'beyond' {
  const bytes = Uint8Array.from(hex.replace(JOINED_WAIT, '').split(' '), (byte) => parseInt(byte, 16));
  const insn = decode(bytes, 0, bytes.length, address);
  const objdump = expected(text);
  if (typeof insn === 'number') {
    if (BEYOND.test(objdump) || NO_INSTRUCTION.test(text.trim().replace(/\s+/g, ' '))) return 'beyond';
    return { bytes: hex, decoded: `error ${insn}`, objdump };
  }
  if (text.startsWith('(bad)') || NOT_CANONICAL.test(objdump)) return 'beyond';
  const decoded = plain(disassemble(insn));
  if (decoded === objdump && insn.length === bytes.length) return 'equal';
  return { bytes: hex, decoded: `${decoded} (${insn.length} bytes)`, objdump };
}

const LINE = /^\s*([0-9a-f]+):\t([0-9a-f ]+?)\s*\t(.*)$/;

/** Compares the distinct instructions of a binary, of [start, stop) when given. */
export async function compareBinary(path: string, range?: { start: number; stop: number }): Promise<Report> {
  const limits = range ? [`--start-address=${range.start}`, `--stop-address=${range.stop}`] : [];
  const args = ['-d', '-w', '-z', '-M', 'intel', '--insn-width=16', ...limits, path];
  const child = spawn('objdump', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const seen = new Set<string>();
  const mismatches: Mismatch[] = [];
  let beyond = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const match = LINE.exec(line);
    if (match === null || seen.has(match[2])) continue;
    seen.add(match[2]);
    const result = compareLine(match[2], parseInt(match[1], 16), match[3]);
    if (result === 'beyond') beyond++;
    else if (result !== 'equal') mismatches.push(result);
  }
  return { instructions: seen.size, beyond, mismatches };
}

async function main(binaries: readonly string[]): Promise<void> {
  for (const path of binaries) {
    const report = await compareBinary(path);
    const { instructions, beyond, mismatches } = report;
    console.log(
      `${path}: ${instructions} instructions, ${beyond} beyond x86-64-v2, ${mismatches.length} differ`,
    );
    for (const { bytes, decoded, objdump } of mismatches.slice(0, 40))
      console.log(`  ${bytes}: ${decoded} | ${objdump}`);
    if (mismatches.length > 0) process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(process.argv.length > 2 ? process.argv.slice(2) : BINARIES);
}
