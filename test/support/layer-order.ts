import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take minutes begin first, so that none of them is left for the end, on a single core. */
const LAYERS = ["e2e", "chaos", "browser", "integration", "unit"];

export class LayerOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const layerOf = ({ project }: TestSpecification): number => LAYERS.indexOf(project.name);
    return (await super.sort(files)).sort((a, b) => layerOf(a) - layerOf(b));
  }
}
