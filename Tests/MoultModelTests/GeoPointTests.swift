import MoultModel
import Testing

@Suite("Places on the Earth")
struct GeoPointTests {
  private func point(_ latitude: Double, _ longitude: Double) -> GeoPoint {
    GeoPoint(latitude: latitude, longitude: longitude)
  }

  @Test("distances between cities, and around the whole Earth")
  func distances() {
    let (moscow, london) = (point(55.7558, 37.6173), point(51.5074, -0.1278))
    #expect(abs(moscow.distance(to: london) - 2_500_500) < 2_000)
    #expect(moscow.distance(to: moscow) == 0)
    #expect(abs(point(0, 0).distance(to: point(0, 180)) - 20_015_114) < 1)
    #expect(abs(point(0, 179.5).distance(to: point(0, -179.5)) - 111_195) < 1)
  }

  @Test("a box may cross the antimeridian; edges are outside")
  func box() {
    let box = GeoArea.box(south: -10, west: 170, north: 10, east: -170)
    #expect(box.contains(point(0, 175)) && box.contains(point(0, -175)) && !box.contains(point(0, 0)))
    #expect(!box.contains(point(10, 175)) && !box.contains(point(0, 170)))
  }

  @Test("a polygon's holes and edges are outside")
  func polygon() {
    let outline = [point(0, 0), point(0, 10), point(10, 10), point(10, 0), point(0, 0)]
    let hole = [point(4, 4), point(4, 6), point(6, 6), point(6, 4), point(4, 4)]
    let area = GeoArea.polygon(GeoPolygon(outline: outline, holes: [hole]))
    #expect(area.contains(point(2, 2)) && area.contains(point(5, 3)))
    #expect(!area.contains(point(5, 5)) && !area.contains(point(4, 5)) && !area.contains(point(0, 5)))
    #expect(!area.contains(point(11, 5)) && !area.contains(point(-1, 0)))
    #expect(!GeoArea.polygon(GeoPolygon(outline: [])).contains(point(0, 0)))
  }
}
