import type { Expr, ValType } from '../../wasm/expr.js';
import type { Hint } from '../../wasm/function.js';
import type { Form } from '../../x86/insn.js';
import type { Emitter, Flag, JumpKind, Modified, Pair, Variable, VectorAddress } from '../emitter.js';
import type { Helper } from '../helper.js';

/** An emitter that hands all on to another one: for those that change a part. */
export class ForwardingEmitter implements Emitter {
  constructor(protected readonly e: Emitter) {}

  get form(): Form {
    return this.e.form;
  }
  get hasSpans(): boolean {
    return this.e.hasSpans;
  }
  let(value: Expr): Expr {
    return this.e.let(value);
  }
  variable(initial: Expr): Variable {
    return this.e.variable(initial);
  }
  if(cond: Expr, then: () => void, otherwise?: () => void, hint?: Hint): void {
    this.e.if(cond, then, otherwise, hint);
  }
  loop(body: () => Expr): void {
    this.e.loop(body);
  }

  read(k: number): Expr {
    return this.e.read(k);
  }
  readFloat(k: number): Expr {
    return this.e.readFloat(k);
  }
  write(k: number, value: Expr): void {
    this.e.write(k, value);
  }
  modify(k: number): Modified {
    return this.e.modify(k);
  }
  imm(k: number, size?: number): Expr {
    return this.e.imm(k, size);
  }
  address(k: number): Expr {
    return this.e.address(k);
  }
  addressPast(k: number, past: Expr): Expr {
    return this.e.addressPast(k, past);
  }
  offset(k: number): Expr {
    return this.e.offset(k);
  }

  readUpper(k: number): Expr {
    return this.e.readUpper(k);
  }
  writeUpper(k: number, value: Expr): void {
    this.e.writeUpper(k, value);
  }
  upper(index: number): Expr {
    return this.e.upper(index);
  }
  setUpper(index: number, value: Expr): void {
    this.e.setUpper(index, value);
  }
  vectorAddress(k: number): VectorAddress {
    return this.e.vectorAddress(k);
  }
  zeroUppers(): void {
    this.e.zeroUppers();
  }
  loadPair(address: Expr): Pair {
    return this.e.loadPair(address);
  }
  storePair(address: Expr, values: Pair): void {
    this.e.storePair(address, values);
  }

  gpr(index: number, size: number): Expr {
    return this.e.gpr(index, size);
  }
  setGpr(index: number, size: number, value: Expr): void {
    this.e.setGpr(index, size, value);
  }
  xmm(index: number): Expr {
    return this.e.xmm(index);
  }
  setXmm(index: number, value: Expr): void {
    this.e.setXmm(index, value);
  }
  segmentBase(segment: number): Expr {
    return this.e.segmentBase(segment);
  }
  setSegmentBase(segment: number, value: Expr): void {
    this.e.setSegmentBase(segment, value);
  }
  state(type: ValType, offset: number): Expr {
    return this.e.state(type, offset);
  }
  setState(offset: number, value: Expr): void {
    this.e.setState(offset, value);
  }

  load(size: number | 'f32' | 'f64', address: Expr): Expr {
    return this.e.load(size, address);
  }
  store(size: number | 'f32' | 'f64', address: Expr, value: Expr): void {
    this.e.store(size, address, value);
  }
  modifyAt(size: number, address: Expr): Modified {
    return this.e.modifyAt(size, address);
  }
  probe(size: number, address: Expr, access: 'read' | 'write'): void {
    this.e.probe(size, address, access);
  }
  span(count: Expr, address: Expr, access: 'read' | 'write'): Expr {
    return this.e.span(count, address, access);
  }
  copyBytes(to: Expr, from: Expr, count: Expr): void {
    this.e.copyBytes(to, from, count);
  }
  fillBytes(to: Expr, byte: Expr, count: Expr): void {
    this.e.fillBytes(to, byte, count);
  }

  setFlags(kind: number, size: number, x: Expr, y?: Expr, onlyIf?: Expr): void {
    this.e.setFlags(kind, size, x, y, onlyIf);
  }
  mergeFlags(mask: number, bits: Expr, onlyIf?: Expr): void {
    this.e.mergeFlags(mask, bits, onlyIf);
  }
  flag(flag: Flag): Expr {
    return this.e.flag(flag);
  }
  condition(cc: number): Expr {
    return this.e.condition(cc);
  }
  arithmeticFlags(): Expr {
    return this.e.arithmeticFlags();
  }

  thisAddress(): Expr {
    return this.e.thisAddress();
  }
  nextAddress(): Expr {
    return this.e.nextAddress();
  }
  branchIf(cond: Expr): void {
    this.e.branchIf(cond);
  }
  jump(kind: JumpKind, target?: Expr): void {
    this.e.jump(kind, target);
  }
  likelyReturn(): Expr | null {
    return this.e.likelyReturn();
  }
  syscall(): void {
    this.e.syscall();
  }
  raise(vector: number, kind: 'fault' | 'trap'): void {
    this.e.raise(vector, kind);
  }
  raiseIf(cond: Expr, vector: number, kind?: 'fault' | 'trap'): void {
    this.e.raiseIf(cond, vector, kind);
  }

  call(helper: Helper, ...args: Expr[]): void {
    this.e.call(helper, ...args);
  }
  callValue(helper: Helper, ...args: Expr[]): Expr {
    return this.e.callValue(helper, ...args);
  }
}
