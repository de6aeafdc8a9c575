import type { Row } from './table.js';

/** Three-byte opcodes 0F 3A. */
export const ROWS_0F3A: readonly Row[] = [
  ['66 08', 'roundps', 'Vps,Wps,Ib', 'SSE4.1'],
  ['66 09', 'roundpd', 'Vpd,Wpd,Ib', 'SSE4.1'],
  ['66 0A', 'roundss', 'Vss,Wss,Ib', 'SSE4.1'],
  ['66 0B', 'roundsd', 'Vsd,Wsd,Ib', 'SSE4.1'],
  ['66 0C', 'blendps', 'Vps,Wps,Ib', 'SSE4.1'],
  ['66 0D', 'blendpd', 'Vpd,Wpd,Ib', 'SSE4.1'],
  ['66 0E', 'pblendw', 'Vx,Wx,Ib', 'SSE4.1'],
  ['NP 0F', 'palignr', 'Pq,Qq,Ib', 'SSSE3'],
  ['66 0F', 'palignr', 'Vx,Wx,Ib', 'SSSE3'],
  ['66 14', 'pextrb', 'Rd/Mb,Vdq,Ib', 'SSE4.1'],
  ['66 15', 'pextrw', 'Rd/Mw,Vdq,Ib', 'SSE4.1'],
  ['66 16', 'pextrd', 'Ey,Vdq,Ib', 'SSE4.1'],
  ['66 17', 'extractps', 'Ed,Vdq,Ib', 'SSE4.1'],
  ['66 20', 'pinsrb', 'Vdq,Rd/Mb,Ib', 'SSE4.1'],
  ['66 21', 'insertps', 'Vdq,Udq/Md,Ib', 'SSE4.1'],
  ['66 22', 'pinsrd', 'Vdq,Ey,Ib', 'SSE4.1'],
  ['66 40', 'dpps', 'Vps,Wps,Ib', 'SSE4.1'],
  ['66 41', 'dppd', 'Vpd,Wpd,Ib', 'SSE4.1'],
  ['66 42', 'mpsadbw', 'Vx,Wx,Ib', 'SSE4.1'],
  ['66 60', 'pcmpestrm', 'Vdq,Wdq,Ib', 'SSE4.2 y >OSZAPC'],
  ['66 61', 'pcmpestri', 'Vdq,Wdq,Ib', 'SSE4.2 y >OSZAPC'],
  ['66 62', 'pcmpistrm', 'Vdq,Wdq,Ib', 'SSE4.2 >OSZAPC'],
  ['66 63', 'pcmpistri', 'Vdq,Wdq,Ib', 'SSE4.2 >OSZAPC'],
];
