/// The look of the page: light or dark as the reader's system is.
enum PageStyle {
    /// The style sheet.
    ///
    /// The colours of curves are told apart by colour-blind readers too, and have dashes besides.
    static let css = """
        :root {
          --page: #ffffff; --text: #1b1f24; --faint: #59636e; --rule: #d1d9e0; --chosen: #eef4fb;
          --c0: #0b5cad; --c1: #c2500a; --c2: #1a7f4b; --c3: #8a3ffc; --c4: #b3261e; --c5: #0e7c86; --c6: #7a5c00; --c7: #a02678;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #14171c; --text: #e6e9ed; --faint: #9aa4b0; --rule: #38404a; --chosen: #1f2b3a;
            --c0: #6cb2ff; --c1: #ff9d5c; --c2: #5fd08f; --c3: #c2a1ff; --c4: #ff8a80; --c5: #5ad1dc; --c6: #e3c14d; --c7: #f58fd0;
          }
        }
        body {
          background: var(--page); color: var(--text); max-width: 76rem; margin: 2rem auto; padding: 0 1rem;
          font: 16px/1.5 system-ui, sans-serif;
        }
        h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
        p { max-width: 48rem; }
        .status { font-weight: 600; }
        .table { overflow-x: auto; margin: 0.75rem 0; }
        table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
        th, td { text-align: left; padding: 0.3rem 0.9rem 0.3rem 0; border-bottom: 1px solid var(--rule); }
        thead th { color: var(--faint); font-weight: 600; white-space: nowrap; }
        tbody th { font-weight: 600; }
        tr.chosen { background: var(--chosen); }
        summary { cursor: pointer; padding: 0.25rem 0; }
        .charts { display: flex; flex-wrap: wrap; gap: 1rem; }
        .charts svg { flex: 1 1 26rem; min-width: 0; max-width: 100%; height: auto; }
        .legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; padding: 0; margin: 0.5rem 0; }
        .sample { width: 28px; height: 10px; margin-right: 0.5rem; }
        svg text { fill: var(--faint); font: 12px system-ui, sans-serif; }
        .grid { stroke: var(--rule); stroke-width: 1; }
        .axis { stroke: var(--faint); stroke-width: 1; }
        .mark { stroke: var(--text); stroke-width: 1; stroke-dasharray: 2 4; }
        .curve { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
        .band { fill: currentColor; fill-opacity: 0.14; stroke: none; }
        .curve.thin { stroke-width: 1; }
        .s0 { color: var(--c0); } .s1 { color: var(--c1); } .s2 { color: var(--c2); } .s3 { color: var(--c3); }
        .s4 { color: var(--c4); } .s5 { color: var(--c5); } .s6 { color: var(--c6); } .s7 { color: var(--c7); }
        .curve.s1 { stroke-dasharray: 8 3; } .curve.s2 { stroke-dasharray: 3 2; } .curve.s3 { stroke-dasharray: 10 3 2 3; }
        .curve.s4 { stroke-dasharray: 14 4; } .curve.s5 { stroke-dasharray: 6 2 2 2 2 2; }
        .curve.s6 { stroke-dasharray: 1.5 2.5; } .curve.s7 { stroke-dasharray: 12 3 4 3; }
        """
}
