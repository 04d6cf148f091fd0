// The mutations of a TypeScript file: a list of { kind, line, start, end, text } that replace source[start, end) by text.
import ts from 'typescript';

const K = ts.SyntaxKind;
const SWAPS = new Map([
  [K.PlusToken, ['sign', '-']],
  [K.MinusToken, ['sign', '+']],
  [K.PlusEqualsToken, ['sign', '-=']],
  [K.MinusEqualsToken, ['sign', '+=']],
  [K.LessThanToken, ['bound', '<=']],
  [K.LessThanEqualsToken, ['bound', '<']],
  [K.GreaterThanToken, ['bound', '>=']],
  [K.GreaterThanEqualsToken, ['bound', '>']],
  [K.EqualsEqualsEqualsToken, ['guard', '!==']],
  [K.ExclamationEqualsEqualsToken, ['guard', '===']],
  [K.AmpersandAmpersandToken, ['guard', '||']],
  [K.BarBarToken, ['guard', '&&']],
]);

/** Whether text is joined here, so that `-` would make NaN of a message. */
const joinsText = (node) => [node.left, node.right].some((side) => ts.isStringLiteralLike(side) || ts.isTemplateExpression(side));

function ofBinary(node) {
  const swap = SWAPS.get(node.operatorToken.kind);
  if (swap === undefined || (swap[0] === 'sign' && joinsText(node))) return [];
  return [{ kind: swap[0], node: node.operatorToken, text: swap[1] }];
}

/** Messages and options' texts are left alone: a test of wording is not what is measured here. */
function ofNode(node) {
  if (ts.isBinaryExpression(node)) return ofBinary(node);
  if (ts.isIfStatement(node)) return [{ kind: 'guard', node: node.expression, text: `!(${node.expression.getText()})` }];
  if (ts.isElementAccessExpression(node) && !ts.isStringLiteralLike(node.argumentExpression)) {
    return [{ kind: 'index', node: node.argumentExpression, text: `(${node.argumentExpression.getText()}) + 1` }];
  }
  if (ts.isPrefixUnaryExpression(node) && node.operator === K.MinusToken && !ts.isNumericLiteral(node.operand)) {
    return [{ kind: 'sign', node, text: node.operand.getText() }];
  }
  if (ts.isExpressionStatement(node) && (ts.isCallExpression(node.expression) || ts.isBinaryExpression(node.expression))) {
    return [{ kind: 'drop', node, text: ';' }];
  }
  return [];
}

export function mutationsOf(source, path) {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.ES2022, true);
  const found = [];
  const visit = (node) => {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isInterfaceDeclaration(node)) return;
    for (const { kind, node: at, text } of ofNode(node)) {
      const start = at.getStart();
      found.push({ kind, start, end: at.getEnd(), text, line: file.getLineAndCharacterOfPosition(start).line + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

const EMIT = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true };

/** A file as the JavaScript that the build would emit. */
export function emit(source) {
  return ts.transpileModule(source, { compilerOptions: EMIT }).outputText;
}

/** The map from that JavaScript to the file, as `node:module` takes it. */
export function sourceMap(source) {
  return JSON.parse(ts.transpileModule(source, { compilerOptions: { ...EMIT, sourceMap: true } }).sourceMapText);
}
