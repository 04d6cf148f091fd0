/** Tables with a caption, header cells that say what they head, and numbers set flush right. */
import { html, type Markup } from './markup.js';

/** One column: its heading, and how to read a row's cell. */
export interface Column<Row> {
  readonly title: string;
  /** Longer explanation, shown when pointed at. */
  readonly hint?: string;
  readonly numeric?: boolean;
  readonly cell: (row: Row, index: number) => Markup | string | number;
}

/** What a table shows. The first column heads its row. */
export interface TableOptions<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
}

/** Builds the table, inside a frame that scrolls sideways where the page is too narrow. */
export function table<Row>(options: TableOptions<Row>): Markup {
  const { caption, columns, rows } = options;
  const head = columns.map(
    (column) =>
      html`<th scope="col" class="${column.numeric === true ? 'number' : 'text'}" title="${column.hint ?? ''}">${column.title}</th>`,
  );
  const body = rows.map((row, index) => html`<tr>${columns.map((column, place) => tableCell(column, place, row, index))}</tr>\n`);
  return html`<div class="scroll"><table><caption>${caption}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body}</tbody></table></div>`;
}

function tableCell<Row>(column: Column<Row>, place: number, row: Row, index: number): Markup {
  const kind = column.numeric === true ? 'number' : 'text';
  const content = column.cell(row, index);
  return place === 0 ? html`<th scope="row" class="${kind}">${content}</th>` : html`<td class="${kind}">${content}</td>`;
}
