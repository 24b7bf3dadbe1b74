//! What a made-up run writes: calls into the journal, pictures into the blobs, tables, shards, manifest.

use super::{Maker, STAGES, Truth, Walk};
use coldstart::call::{ChatRequest, ImageRequest, Output, Reply, Request, Sampling, Usage};
use coldstart::journal::Entry;
use coldstart::record::{
    CallKey, Decision, Digest, Disposition, Evidence, ImageRef, Message, Mime, NanoUsd, Part,
    Report, Speaker, StageReport, Stratum,
};
use coldstart::store::{DecisionWriter, Layout};

impl Maker {
    pub(super) fn row(
        &mut self,
        walk: &mut Walk,
        stage: &'static str,
        disposition: Disposition,
        port: &str,
        reason: &str,
        evidence: Evidence,
    ) {
        walk.stage = stage;
        self.truth.rows += 1;
        let prompt = &walk.t.prompt;
        self.rows.entry(stage).or_default().push(Decision {
            stage: stage.to_owned(),
            id: prompt.id,
            category: prompt.category.clone(),
            source: prompt.source.clone(),
            disposition,
            port: port.to_owned(),
            reason: reason.to_owned(),
            evidence,
            calls: std::mem::take(&mut walk.calls),
            cost: std::mem::take(&mut walk.cost),
            prompt: prompt.text.chars().take(200).collect(),
            prompt_chars: 0,
        });
    }

    pub(super) async fn chat(
        &mut self,
        walk: &mut Walk,
        role: &str,
        reply: &str,
        shown: &[ImageRef],
    ) -> CallKey {
        let asked = format!(
            "# Task: {role}\n<request>\n{}\n</request>\n<rules>\n- all_objects: every object is there\n\
             </rules>\n<checklist>\n- a1: is it there? (expected: yes)\n- a2: are all there? (expected: yes)\n</checklist>",
            walk.t.prompt.text
        );
        let mut parts = vec![Part::Text(asked)];
        parts.extend(shown.iter().map(|image| Part::Image(*image)));
        let request = Request::Chat(ChatRequest {
            role: role.to_owned(),
            model: format!("{role}-model"),
            messages: vec![Message { speaker: Speaker::User, parts }],
            sampling: Sampling::default(),
            schema: None,
            draw: walk.t.rounds.len() as u32,
        });
        let output = Output::Text { text: reply.to_owned(), reasoning: String::new() };
        self.call(walk, request, output, 2_000_000).await
    }

    pub(super) async fn image(
        &mut self,
        walk: &mut Walk,
        role: &str,
        prompt: &str,
        seed: u64,
        draw: u32,
    ) -> ImageRef {
        let request = Request::Image(ImageRequest {
            role: role.to_owned(),
            model: "FLUX.1-dev-8step".to_owned(),
            prompt: format!("{prompt} / {}", walk.t.prompt.text),
            negative_prompt: None,
            width: self.plan.side,
            height: self.plan.side,
            steps: Some(8),
            guidance: None,
            seed,
            draw,
            edits: None,
        });
        let shade = u32::from_le_bytes(request.key().0[..4].try_into().unwrap());
        let picture = self.picture(shade);
        let image = self.blob(picture).await;
        self.call(walk, request, Output::Image { image, blank: false, bytes: None }, 5_000_000)
            .await;
        image
    }

    pub(super) async fn call(
        &mut self,
        walk: &mut Walk,
        request: Request,
        output: Output,
        cost: u64,
    ) -> CallKey {
        let key = request.key();
        walk.calls.push(key);
        walk.cost += NanoUsd(cost);
        if self.journal.is_none() {
            return key;
        }
        if !self.made.insert(key) {
            return key;
        }
        let latency_ms = 200 + self.rng.below(800) as u64;
        let reply = Reply {
            output,
            finish: "stop".to_owned(),
            usage: Usage { input: 400, output: 120, ..Usage::default() },
            served: request.model().to_owned(),
            cost: NanoUsd(cost),
            simulated: true,
            attempts: 1 + u32::from(self.rng.chance(0.05)),
            latency_ms,
        };
        self.at_ms += 3;
        self.truth.calls += 1;
        let entry = Entry { key, at_ms: self.at_ms, request, reply };
        self.waiting.push(entry);
        if self.waiting.len() >= 4096 {
            self.flush().await;
        }
        key
    }

    /// Together: one by one, each would wait for a commit of its own.
    pub(super) async fn flush(&mut self) {
        let Some(journal) = &self.journal else { return };
        let all = self.waiting.drain(..).map(|entry| journal.append(entry));
        for done in futures::future::join_all(all).await {
            done.unwrap();
        }
    }

    /// A PNG of one shade with a mark.
    pub(super) fn picture(&self, shade: u32) -> Vec<u8> {
        if self.shards.is_none() {
            return shade.to_le_bytes().to_vec();
        }
        let side = self.plan.side as usize;
        let [r, g, b, _] = shade.to_le_bytes();
        let mark = |i: usize| (i % side) / 4 == 1 && (i / side) / 4 == 1;
        let rgb: Vec<u8> = (0..side * side)
            .flat_map(|i| if mark(i) { [255 - r, g, b] } else { [r, g, b] })
            .collect();
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, side as u32, side as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header().unwrap().write_image_data(&rgb).unwrap();
        out
    }

    pub(super) async fn blob(&mut self, bytes: Vec<u8>) -> ImageRef {
        let side = self.plan.side;
        let size = bytes.len() as u64;
        let digest = match self.shards.is_some() {
            true => self.blobs.put(bytes.into()).await.unwrap(),
            false => Digest::of(&bytes),
        };
        ImageRef { digest, mime: Mime::Png, width: side, height: side, bytes: size }
    }

    pub(super) async fn finish(mut self) -> Truth {
        self.flush().await;
        if let Some(journal) = &self.journal {
            journal.close().await.unwrap();
        }
        let mut report = Report { complete: true, simulated: true, ..Report::default() };
        for (stage, ..) in STAGES {
            let mut rows = self.rows.remove(stage).unwrap_or_default();
            rows.sort_by_key(|row| row.id);
            report.stages.push(stage_report(stage, &rows));
            let mut writer = DecisionWriter::new(self.store.clone(), stage);
            for row in rows {
                writer.push(row).await.unwrap();
            }
            writer.finish().await.unwrap();
        }
        if let Some(shards) = self.shards.take() {
            let bytes = shards.finish().unwrap().concat();
            let name = Layout::dataset_shard("train", 0);
            let mut digest = blake3::Hasher::new_derive_key("coldstart 2026 dataset v1");
            digest.update(name.as_bytes());
            digest.update(blake3::hash(&bytes).as_bytes());
            report.dataset.digest = Digest(*digest.finalize().as_bytes()).hex();
            self.store.put(&name, bytes.into()).await.unwrap();
        }
        report.dataset.rows = self.truth.kept.len() as u64;
        let short = Stratum { available: 5, quota: 8, wanted: 8, taken: 5 };
        report.dataset.strata.insert("riddle/open".to_owned(), short);
        let json = serde_json::to_vec_pretty(&report).unwrap();
        self.store.put(Layout::REPORT, json.into()).await.unwrap();
        let json = serde_json::to_vec_pretty(&self.manifest()).unwrap();
        self.store.put(Layout::MANIFEST, json.into()).await.unwrap();
        self.truth
    }

    pub(super) fn manifest(&self) -> serde_json::Value {
        let stages = STAGES.map(|(name, kind, from, ports)| {
            let params = match name {
                "judged" => serde_json::json!({ "votes": self.plan.votes.to_string() }),
                _ => serde_json::json!({}),
            };
            serde_json::json!({
                "name": name, "kind": kind, "about": format!("What `{kind}` does."),
                "from": from, "ports": ports, "params": params,
            })
        });
        let file = format!("kind = \"judge\"\nvotes = {}\n", self.plan.votes);
        serde_json::json!({
            "format": 1, "version": "0.1.0", "pipeline": "made", "digest": "d", "seed": self.plan.seed,
            "simulated": true, "stages": stages, "models": { "judge": "judge-model" },
            "pools": { "pool": "p" }, "files": { "stages/made/judged.toml": file },
        })
    }
}

fn stage_report(stage: &str, rows: &[Decision]) -> StageReport {
    let mut out = StageReport { stage: stage.to_owned(), ..StageReport::default() };
    for row in rows {
        out.entered += 1;
        match row.disposition {
            Disposition::Passed => {
                out.passed += 1;
                *out.ports.entry(row.port.clone()).or_default() += 1;
            }
            Disposition::Dropped => out.dropped += 1,
            Disposition::Failed => out.failed += 1,
        }
        if row.disposition != Disposition::Passed {
            *out.reasons.entry(row.reason.clone()).or_default() += 1;
        }
    }
    out
}
