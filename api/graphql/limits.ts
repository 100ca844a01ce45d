import {
  type ASTVisitor,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql';

/** What one operation may ask for. Bounds the work before any of it is done. */
export const QUERY_LIMITS = {
  /** Levels of fields. The public contract needs 3. */
  depth: 10,
  /** Fields after fragments are spread out. */
  fields: 400,
  /** Fields at the top: each may be a database query. */
  rootFields: 20,
  /** Lexical tokens, checked by the parser. */
  tokens: 4_000,
  /** Bytes of an HTTP body or of a WebSocket message. */
  bodyBytes: 64 * 1024,
} as const;

interface Size {
  readonly depth: number;
  readonly fields: number;
  readonly rootFields: number;
}

/**
 * Validation rule: refuses an operation beyond {@link QUERY_LIMITS}. Fragments are measured once and counted at each spread, so
 * that fragments that double each other cannot hide their size. Introspection is left to graphql-js's own rule.
 */
export function queryLimitsRule(context: ValidationContext): ASTVisitor {
  const measured = new Map<string, Size>();
  return {
    OperationDefinition(node: OperationDefinitionNode) {
      const size = measure(node.selectionSet, context, measured, new Set());
      const { depth, fields, rootFields } = QUERY_LIMITS;
      const refuse = (what: string) =>
        context.reportError(
          new GraphQLError(`The operation ${what}`, { nodes: [node], extensions: { code: 'QUERY_TOO_LARGE' } }),
        );
      if (size.depth > depth) refuse(`is ${size.depth} levels deep; ${depth} are allowed`);
      if (size.fields > fields) refuse(`asks for ${size.fields} fields; ${fields} are allowed`);
      if (size.rootFields > rootFields) refuse(`has ${size.rootFields} fields at the top; ${rootFields} are allowed`);
      return false;
    },
  };
}

function measure(
  set: SelectionSetNode,
  context: ValidationContext,
  measured: Map<string, Size>,
  open: ReadonlySet<string>,
): Size {
  let depth = 0;
  let fields = 0;
  let rootFields = 0;
  for (const selection of set.selections) {
    if (selection.kind === Kind.FIELD) {
      if (selection.name.value.startsWith('__')) continue;
      const inner = selection.selectionSet ? measure(selection.selectionSet, context, measured, open) : null;
      depth = Math.max(depth, 1 + (inner?.depth ?? 0));
      fields += 1 + (inner?.fields ?? 0);
      rootFields += 1;
      continue;
    }
    const inner =
      selection.kind === Kind.INLINE_FRAGMENT
        ? measure(selection.selectionSet, context, measured, open)
        : measureFragment(context.getFragment(selection.name.value), context, measured, open);
    depth = Math.max(depth, inner.depth);
    fields += inner.fields;
    rootFields += inner.rootFields;
  }
  return { depth, fields, rootFields };
}

const NOTHING: Size = { depth: 0, fields: 0, rootFields: 0 };

function measureFragment(
  fragment: FragmentDefinitionNode | null | undefined,
  context: ValidationContext,
  measured: Map<string, Size>,
  open: ReadonlySet<string>,
): Size {
  // Unknown fragments and cycles are refused by graphql-js's own rules; here they must only not run for ever.
  if (!fragment || open.has(fragment.name.value)) return NOTHING;
  const name = fragment.name.value;
  const known = measured.get(name);
  if (known) return known;
  const size = measure(fragment.selectionSet, context, measured, new Set([...open, name]));
  measured.set(name, size);
  return size;
}
