import ArgumentParser

@main
extension KFACTool {
    static func main() {
        StandardStreams.open()
        main(nil)
    }
}
