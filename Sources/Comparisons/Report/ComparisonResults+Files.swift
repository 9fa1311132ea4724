import Training

extension ComparisonResults {
    /// Writes the tables and the page into a comparison's folder.
    func write(to folder: ComparisonFolder) throws(RunFolderError) {
        try folder.write(tuningTable, to: "tuning.csv")
        try folder.write(summaryTable, to: "summary.csv")
        try folder.write(page, to: "report.html")
    }
}
