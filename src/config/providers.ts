/**
 * The OpenAI-compatible upstreams known by their LiteLLM prefix: where they live, which environment
 * variable holds the key, and under which name the price list knows them. A name that is not here needs
 * `openai/…` with an `api_base`.
 */
export interface Provider {
  /** Base URL that `/chat/completions` is added to; null where only the deployment can know it. */
  readonly apiBase: string | null;
  readonly apiKeyVariable: string | null;
  /** Provider id in @pydantic/genai-prices; null = no public prices. */
  readonly priceList: string | null;
  /** Fields that name the customer or ask for usage, and that this API answers with an error. */
  readonly refusedFields?: readonly string[];
}

export const PROVIDERS: Readonly<Record<string, Provider>> = {
  openai: { apiBase: "https://api.openai.com/v1", apiKeyVariable: "OPENAI_API_KEY", priceList: "openai" },
  azure: { apiBase: null, apiKeyVariable: "AZURE_API_KEY", priceList: "azure" },
  mistral: {
    apiBase: "https://api.mistral.ai/v1",
    apiKeyVariable: "MISTRAL_API_KEY",
    priceList: "mistral",
    // "Extra inputs are not permitted"; its streams carry usage in the last chunk without being asked.
    refusedFields: ["user", "safety_identifier", "stream_options"],
  },
  anthropic: {
    apiBase: "https://api.anthropic.com/v1",
    apiKeyVariable: "ANTHROPIC_API_KEY",
    priceList: "anthropic",
  },
  gemini: {
    apiBase: "https://generativelanguage.googleapis.com/v1beta/openai",
    apiKeyVariable: "GEMINI_API_KEY",
    priceList: "google",
  },
  groq: { apiBase: "https://api.groq.com/openai/v1", apiKeyVariable: "GROQ_API_KEY", priceList: "groq" },
  deepseek: {
    apiBase: "https://api.deepseek.com/v1",
    apiKeyVariable: "DEEPSEEK_API_KEY",
    priceList: "deepseek",
  },
  xai: { apiBase: "https://api.x.ai/v1", apiKeyVariable: "XAI_API_KEY", priceList: "x-ai" },
  together_ai: {
    apiBase: "https://api.together.xyz/v1",
    apiKeyVariable: "TOGETHERAI_API_KEY",
    priceList: "together",
  },
  fireworks_ai: {
    apiBase: "https://api.fireworks.ai/inference/v1",
    apiKeyVariable: "FIREWORKS_AI_API_KEY",
    priceList: "fireworks",
  },
  openrouter: {
    apiBase: "https://openrouter.ai/api/v1",
    apiKeyVariable: "OPENROUTER_API_KEY",
    priceList: "openrouter",
  },
  perplexity: {
    apiBase: "https://api.perplexity.ai",
    apiKeyVariable: "PERPLEXITYAI_API_KEY",
    priceList: "perplexity",
  },
  cerebras: {
    apiBase: "https://api.cerebras.ai/v1",
    apiKeyVariable: "CEREBRAS_API_KEY",
    priceList: "cerebras",
  },
  moonshot: {
    apiBase: "https://api.moonshot.ai/v1",
    apiKeyVariable: "MOONSHOT_API_KEY",
    priceList: "moonshotai",
  },
  nvidia_nim: {
    apiBase: "https://integrate.api.nvidia.com/v1",
    apiKeyVariable: "NVIDIA_NIM_API_KEY",
    priceList: null,
  },
  deepinfra: {
    apiBase: "https://api.deepinfra.com/v1/openai",
    apiKeyVariable: "DEEPINFRA_API_KEY",
    priceList: null,
  },
  sambanova: { apiBase: "https://api.sambanova.ai/v1", apiKeyVariable: "SAMBANOVA_API_KEY", priceList: null },
  hosted_vllm: { apiBase: null, apiKeyVariable: "HOSTED_VLLM_API_KEY", priceList: null },
  lm_studio: { apiBase: "http://127.0.0.1:1234/v1", apiKeyVariable: "LM_STUDIO_API_KEY", priceList: null },
  ollama: { apiBase: "http://127.0.0.1:11434/v1", apiKeyVariable: null, priceList: null },
};
