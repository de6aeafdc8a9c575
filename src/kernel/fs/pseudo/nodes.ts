import { deepFrozen } from '../../checkpoint/registry.js';
import type { FamilyRow, NamedRow, Owner, Row } from './row.js';

/** A row in its place in a tree. */
export interface Node {
  /** Counts up through all trees of a kernel in order of creation; what a checkpoint sends. */
  readonly number: number;
  readonly row: NamedRow<unknown>;
  /** For the row of a family. */
  readonly family: FamilyRow<unknown> | null;
  readonly parent: Node | null;
  /** A directory's children: by name, and families in order. */
  readonly named: ReadonlyMap<string, Node>;
  readonly families: readonly Node[];
  /** Whether it is there for good: neither it nor what it stands in can be absent. */
  readonly permanent: boolean;
  /** Whether its names may come and go. */
  readonly changing: boolean;
  readonly owner: ((subject: unknown) => Owner) | undefined;
  readonly permission: NamedRow<unknown>['permission'];
  readonly strict: boolean;
}

interface OpenNode extends Node {
  readonly named: Map<string, Node>;
  readonly families: Node[];
  changing: boolean;
}

/**
 * All nodes of a kernel, by number. Kernels of one configuration make the same nodes in the same order, which the digest
 * shows.
 */
export class Nodes {
  private readonly nodes: OpenNode[] = [];

  /** Makes the nodes of a tree; returns its root's. */
  tree<S>(root: NamedRow<S>): Node {
    return this.make(deepFrozen(root as NamedRow<unknown>), null, null);
  }

  byNumber(number: number): Node | undefined {
    return this.nodes[number];
  }

  get count(): number {
    return this.nodes.length;
  }

  /** Adds a row to a directory; false when its name is taken. Only before the kernel starts: it takes the next number. */
  add<S>(parent: Node, row: Row<S>): boolean {
    const directory = this.nodes[parent.number];
    if (directory === undefined) return false;
    if (row.kind !== 'family' && directory.named.has(row.name)) return false;
    this.addChild(directory, row as Row<unknown>);
    return true;
  }

  private make(row: NamedRow<unknown>, parent: OpenNode | null, family: FamilyRow<unknown> | null): OpenNode {
    const sure = row.exists === undefined && family === null;
    const node: OpenNode = {
      number: this.nodes.length,
      row,
      family,
      parent,
      named: new Map(),
      families: [],
      permanent: sure && (parent?.permanent ?? true),
      changing: false,
      owner: row.owner ?? (family === null ? parent?.owner : undefined),
      strict: row.strict ?? parent?.strict ?? false,
      permission: row.permission ?? (family === null ? parent?.permission : undefined),
    };
    this.nodes.push(node);
    if (row.kind === 'dir') for (const child of row.rows) this.addChild(node, child);
    return node;
  }

  private addChild(directory: OpenNode, row: Row<unknown>): void {
    if (row.kind === 'family') {
      directory.families.push(this.make(row.row, directory, row));
      directory.changing = true;
      return;
    }
    const node = this.make(row, directory, null);
    directory.named.set(row.name, node);
    if (row.exists !== undefined) directory.changing = true;
  }

  /** 16 hexadecimal digits that two kernels share exactly when their nodes agree in number, place, kind and name. */
  digest(): string {
    const hash = new Hash();
    for (const node of this.nodes) {
      const { row, parent, family } = node;
      const mode = typeof row.mode === 'number' ? row.mode : -1;
      const device =
        row.kind === 'device'
          ? `${row.type}:${row.major}:${typeof row.minor === 'number' ? row.minor : -1}`
          : '';
      hash.add(
        `${node.number} ${parent?.number ?? -1} ${row.kind} ${family === null} ${mode} ${device} ${row.name}\n`,
      );
    }
    return hash.hex();
  }
}

/** FNV-1a, twice with different starts: it finds differences, it does not resist anybody. */
class Hash {
  private a = 0x811c9dc5;
  private b = 0x050c5d1f;

  add(text: string): void {
    for (let i = 0; i < text.length; i++) {
      this.a = Math.imul(this.a ^ text.charCodeAt(i), 0x01000193);
      this.b = Math.imul(this.b ^ text.charCodeAt(i) ^ (this.a >>> 24), 0x01000193);
    }
  }

  hex(): string {
    return [this.a, this.b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
