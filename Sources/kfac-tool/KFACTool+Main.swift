import ArgumentParser

@main
extension KFACTool {
    static func main() {
        StandardStreams.open()
        do { try CommandLineText.check() } catch { exit(withError: error) }
        main(nil)
    }
}
