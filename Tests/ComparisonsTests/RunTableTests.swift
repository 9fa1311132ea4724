import Testing

@testable import Comparisons
@testable import Reports
@testable import Training

@Suite struct RunTableTests {
    let points = [
        RunPoint(step: 0, examples: 0, seconds: 0, cpuSeconds: 0, testLoss: 1.0 / 3, testError: 2e-300),
        RunPoint(
            step: 4, examples: 20, seconds: 0.1 + 0.2, cpuSeconds: 1e22, loss: -0.0, testLoss: .nan,
            testError: .infinity, testAccuracy: 0.875),
        RunPoint(step: 5, examples: 25, seconds: 2, cpuSeconds: 3, loss: .nan),
    ]

    private func table(_ points: [RunPoint]) -> String {
        ([RunTable.header] + points.map(RunTable.line)).map { "\($0)\n" }.joined()
    }

    @Test func linesAreWrittenInFullPrecision() {
        #expect(
            table(points) == """
                step,examples,seconds,cpu_seconds,loss,test_loss,test_error,test_accuracy
                0,0,0.0,0.0,,0.3333333333333333,2e-300,
                4,20,0.30000000000000004,1e+22,-0.0,nan,inf,0.875
                5,25,2.0,3.0,nan,,,

                """)
    }

    @Test func whatIsWrittenIsRead() throws {
        // NaN differs from itself, its text does not.
        #expect(table(try RunTable.points(table(points), steps: 10)) == table(points))
        let exact = try RunTable.points(table(Array(points[..<1])), steps: 0)
        #expect(exact == Array(points[..<1]))
    }

    @Test func aFileOfAnotherSystemIsRead() throws {
        let text = table(points).replacing("\n", with: "\r\n")
        #expect(try RunTable.points(text, steps: 10).map(\.step) == [0, 4, 5])
    }

    @Test(arguments: [
        ("", 1, "the header should be"), ("step,examples\n", 1, "the header should be"),
        ("HEADER\n", 1, "a line of step 10 should follow"), ("HEADER\n0,0,0.0,0.0,,1.0,,\n", 2, "a line of step 10"),
        ("HEADER\n10,0,0.0,0.0,,1.0,", 2, "the line has no end"),
        ("HEADER\n10,0,0.0,0.0,,1.0,\n", 2, "8 fields, numbers or empty"),
        ("HEADER\n10,0,0.0,0.0,,1.0,,,\n", 2, "8 fields"), ("HEADER\n10,0,,0.0,,1.0,,\n", 2, "8 fields"),
        ("HEADER\n-1,0,0.0,0.0,,1.0,,\n", 2, "none negative"), ("HEADER\n1,-1,0.0,0.0,,1.0,,\n", 2, "none negative"),
        ("HEADER\n1,0,-0.5,0.0,,1.0,,\n", 2, "none negative"), ("HEADER\n1,0,0.0,inf,,1.0,,\n", 2, "or infinite"),
        ("HEADER\n1,0,nan,0.0,,1.0,,\n", 2, "or infinite"), ("HEADER\n11,0,0.0,0.0,nan,,,\n", 2, "steps up to 10"),
        ("HEADER\n1.5,0,0.0,0.0,,1.0,,\n", 2, "8 fields"), ("HEADER\n10,0,0.0,0.0,x,1.0,,\n", 2, "8 fields"),
        ("HEADER\n4,0,0.0,0.0,,1.0,,\n4,0,0.0,0.0,,1.0,,\n", 3, "it should not come after"),
        ("HEADER\n4,0,0.0,0.0,nan,,,\n10,0,0.0,0.0,,1.0,,\n", 3, "it should not come after"),
    ])
    func otherFilesAreNotRead(text: String, line: Int, reason: String) {
        let fault = #expect(throws: RunTable.Fault.self) {
            try RunTable.points(text.replacing("HEADER", with: RunTable.header), steps: 10)
        }
        #expect(fault?.line == line)
        #expect(fault?.reason.contains(reason) == true)
    }
}
