/**
 * The instruction table: one row an encoding. Decoder, disassembler, tests and lists are derived from it.
 *
 * A row is [encoding, mnemonic, operands, attributes].
 *
 * Encoding, within one opcode map (the file it stands in): `[prefix] opcode [modrm] [conditions]`.
 *   prefix      NP, 66, F3, F2: a mandatory prefix (NP: none of them). Without it any prefix goes, but where another row
 *               of the same opcode asks for the one that is there.
 *   opcode      two hex digits; +r: eight opcodes, the register in the low bits; +cc: sixteen, the condition there.
 *   modrm       /0../7: the reg field; or the whole byte in hex, +i: eight of them.
 *   conditions  r, m: only registers, only memory; w0, w1: REX.W; b0, b1: REX.B.
 *
 * Operands, destination first as in the manual: addressing method and size (SDM volume 2, appendix A.2).
 *   E r/m general   G general by reg   R general by r/m   Z general by the opcode   M memory   O moffs
 *   W r/m xmm       V xmm by reg       U xmm by r/m       Q r/m mmx   P mmx by reg  N mmx by r/m
 *   S segment register by reg          STi x87 by r/m     I immediate               J relative, its target
 *   B memory at rbx (xlat)
 *   X memory by a vector of indices, of that size   H xmm by VEX.vvvv   T general by VEX.vvvv   L xmm by an immediate's high half
 *   A/B         register form A, memory form B, where their sizes differ: Rd/Mb
 *   AL AX rAX CL DX FS GS ST0 XMM0 1   fixed
 *   ~           decoded, but no operand: ~Ev
 *   sizes       b 1, w 2, d 4, q 8, dq 16, qq 32, t 10, ss 4, sd 8, ps pd x 16; v 2 4 8 by operand size, z 2 4 4, y 4 4 8;
 *               e 14 28 (x87 environment), s 94 108 (x87 state); a number; none: 0, no access.
 *               Immediates: Ib zero-extended, Ibs sign-extended to the operand size, Iz (at most 4 bytes) likewise.
 *
 * Attributes: CPUID's feature (none: every x86-64 has it), and
 *   lock        LOCK is allowed with a memory destination
 *   b v y z q d64 f64   the form's size where operand 0 does not tell: as above; 8 or 2 after 66; always 8
 *   rep repcc   a string instruction; F3 and F2 repeat alike, or differ (repe, repne)
 *   source      a string instruction that reads at rsi
 *   addr        the address size matters to the semantics (form.addressSize)
 *   <CF.. >..   flags read and written; ?.. left undefined, in lower case for some operands only. Letters: O S Z A P C D.
 *
 * What semantics meet in a Form:
 * - One-operand mul, imul, div, idiv have just that operand. Shifts by CL have operand 1 gpr rcx of 1 byte; by 1, an
 *   immediate. So 'add AL,Ib' and 'add Eb,Ib' are the same form.
 * - An immediate operand's size is that after extension: the form's for Iz, Ibs; 1 for Ib; 2 for Iw; a target is 8.
 * - cbw (cbw cwde cdqe), cwd (cwd cdq cqo), movs, cmps, stos, lods, scas, pushf, popf, leave, enter: by `size`.
 * - String instructions have no operands, but movs, cmps and lods after an fs or gs prefix: then operand 0 is the
 *   source in memory (rsi with its segment).
 * - xlat's operand 0 is the memory at rbx, without size; al is still to be added.
 * - mov, push, pop of segment registers are mov_seg, push_seg, pop_seg; a near return is ret, with or without Iw.
 * - call and jmp: an immediate target (direct) or a register or memory operand (indirect).
 * - Instructions that fault in user mode are 'privileged' (#GP); ud0, ud1 and ud2 are 'ud2'; prefetches, endbr64 and
 *   hints are 'nop'. None of these has operands.
 * - movd, pextrd and pinsrd with REX.W (movq, pextrq, pinsrq) keep their names; the general operand has 8 bytes.
 * - SSE's movsd is movsd_sse. Scalar operands have 4 or 8 bytes: 'movss Vss,Wss'. blendv's mask is operand 2.
 *   Where the whole destination changes though the source is small (movq, movddup, pmovzx), operand 0 has 16 bytes.
 * - x87: arithmetic, comparisons, fxch and fcmov have both operands, destination first: 'ST0,Md', 'STi,ST0'.
 *   fld, fst, fstp, ffree and integer and bcd transfers have one. fsub and fsubr are named as in the manual.
 * - VEX instructions (map-vex.ts) have their own mnemonics; a ymm register is an xmm operand of 32 bytes. Where only the
 *   low part of a source counts, the first source and the destination still have 16 bytes: 'vaddss Vdq,Hdq,Wss'.
 * - `size`: 16 with an xmm operand, 32 if one has 32 bytes (pcmpestri, pcmpestrm: 4 or 8), 8 with mmx operands only, 10 for x87 (environments:
 *   2 or 4), fxsave and fxrstor 4 or 8 (REX.W). A 16-byte memory operand of SSE must be aligned (#GP), but for movups,
 *   movupd, movdqu, lddqu and pcmp[ei]str[im].
 */
import { ROWS_0F } from './map-0f.js';
import { ROWS_0F38 } from './map-0f38.js';
import { ROWS_0F3A } from './map-0f3a.js';
import { ROWS_PRIMARY } from './map-primary.js';
import { ROWS_SSE } from './map-sse.js';
import { VEX_ROWS } from './map-vex.js';
import { ROWS_X87 } from './map-x87.js';

/** Encoding, mnemonic, operands, attributes. */
export type Row = readonly [encoding: string, mnemonic: string, operands: string, attributes: string];

export const MAP_PRIMARY = 0;
export const MAP_0F = 1;
export const MAP_0F38 = 2;
export const MAP_0F3A = 3;
/** VEX: by length, then by escape. */
export const MAP_VEX = 4;
export const MAP_VEX_256 = 7;
export const MAPS = 10;

/** Rows by opcode map. Where two rows match alike, the first wins. */
export const TABLE: readonly (readonly Row[])[] = [
  [...ROWS_PRIMARY, ...ROWS_X87],
  [...ROWS_0F, ...ROWS_SSE],
  ROWS_0F38,
  ROWS_0F3A,
  ...VEX_ROWS,
];

/** What the machine has at its highest level; what CPUID reports of it is cpuid.ts's. */
export const FEATURES: ReadonlySet<string> = new Set([
  'MMX',
  'SSE',
  'SSE2',
  'SSE3',
  'SSSE3',
  'SSE4.1',
  'SSE4.2',
  'POPCNT',
  'LZCNT',
  'MOVBE',
  'BMI1',
  'BMI2',
  'AVX',
  'AVX2',
  'FMA',
  'F16C',
  'AES',
  'PCLMULQDQ',
  'SHA',
]);
