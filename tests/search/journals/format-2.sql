BEGIN TRANSACTION;
CREATE TABLE about (
	"key" VARCHAR(40) NOT NULL, 
	value VARCHAR(200) NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "about" VALUES('format','2');
CREATE TABLE events (
	sweep VARCHAR(40) NOT NULL, 
	seq INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	body TEXT NOT NULL, 
	crc BIGINT NOT NULL, 
	PRIMARY KEY (sweep, seq)
);
INSERT INTO "events" VALUES('s1',0,1780000000.0,'launched','{"sweep":"s1","name":"digits","spec":{"space":{"lr":{"float":[0.001,0.1],"log":true},"optimizer":{"choice":[{"sgd":{"momentum":{"float":[0.0,0.9]}}},{"adam":{}}]}},"objective":{"metric":"val_accuracy","mode":"max"},"budget":{"epochs":3,"trials":3},"sampler":{"name":"random","options":{}},"scheduler":{"name":"asha","options":{"eta":3}},"seed":0,"retries":{"bug":0,"bad_value":0,"out_of_memory":1,"timeout":0,"hang":1,"node_lost":3,"preempted":100,"storage":1},"start":[]},"details":{"versions":{"lanewise":"before format 3"}}}',1525211365);
INSERT INTO "events" VALUES('s1',1,1780000000.0,'opened','{"executor":"inline","why":"asked for","details":{}}',3562006429);
INSERT INTO "events" VALUES('s1',2,1780000000.0,'asked','{"number":0,"params":{"lr":0.01878985266149949,"optimizer":{"name":"adam"}},"until":1}',1556912409);
INSERT INTO "events" VALUES('s1',3,1780000000.0,'reported','{"number":0,"rows":[[1,{"val_accuracy":0.599,"val_loss":0.8}]],"decision":{"continue":3}}',1419045629);
INSERT INTO "events" VALUES('s1',4,1780000000.0,'asked','{"number":1,"params":{"lr":0.06018351965254263,"optimizer":{"name":"adam"}},"until":1}',1921724062);
INSERT INTO "events" VALUES('s1',5,1780000000.0,'reported','{"number":1,"rows":[[1,{"val_accuracy":0.595,"val_loss":0.9}]],"decision":{"stop":"rung 1"}}',2243061865);
INSERT INTO "events" VALUES('s1',6,1780000000.0,'noted','{"topic":"packing","text":"up to 8 lanes a worker"}',3665007899);
INSERT INTO "events" VALUES('s1',7,1780000000.0,'asked','{"number":2,"params":{"lr":0.001450935405253144,"optimizer":{"name":"sgd","momentum":0.5411602856139893}},"until":1}',1870839219);
INSERT INTO "events" VALUES('s1',8,1780000000.0,'reported','{"number":2,"rows":[[1,{"val_accuracy":0.598,"val_loss":0.85}]],"decision":{"stop":"rung 1"}}',3679839804);
INSERT INTO "events" VALUES('s1',9,1780000000.0,'reported','{"number":0,"rows":[[2,{"val_accuracy":0.699,"val_loss":0.7}],[3,{"val_accuracy":0.799,"val_loss":0.6}]],"decision":{"stop":"finished"}}',2206109039);
INSERT INTO "events" VALUES('s1',10,1780000000.0,'closed','{"status":"done","reason":"trials"}',1355889755);
INSERT INTO "events" VALUES('s2',0,1780000000.0,'launched','{"sweep":"s2","name":"digits","spec":{"space":{"lr":{"float":[0.001,0.1],"log":true},"optimizer":{"choice":[{"sgd":{"momentum":{"float":[0.0,0.9]}}},{"adam":{}}]}},"objective":{"metric":"val_accuracy","mode":"max"},"budget":{"epochs":3,"trials":3},"sampler":{"name":"random","options":{}},"scheduler":{"name":"none","options":{}},"seed":1,"retries":{"bug":0,"bad_value":0,"out_of_memory":1,"timeout":0,"hang":1,"node_lost":3,"preempted":100,"storage":1},"start":[]},"details":{"versions":{"lanewise":"before format 3"}}}',1937066937);
INSERT INTO "events" VALUES('s2',1,1780000000.0,'opened','{"executor":"inline","why":"asked for","details":{}}',630872313);
INSERT INTO "events" VALUES('s2',2,1780000000.0,'asked','{"number":0,"params":{"lr":0.010559497443981646,"optimizer":{"name":"adam"}},"until":3}',4078062523);
INSERT INTO "events" VALUES('s2',3,1780000000.0,'asked','{"number":1,"params":{"lr":0.004610465576228951,"optimizer":{"name":"sgd","momentum":0.45686939390317494}},"until":3}',125985519);
INSERT INTO "events" VALUES('s2',4,1780000000.0,'asked','{"number":2,"params":{"lr":0.007885519075630157,"optimizer":{"name":"adam"}},"until":3}',2754224437);
INSERT INTO "events" VALUES('s2',5,1780000000.0,'reported','{"number":1,"rows":[[1,{"val_accuracy":1.0,"val_loss":0.3}]],"decision":{"continue":3}}',233383802);
INSERT INTO "events" VALUES('s2',6,1780000000.0,'reported','{"number":0,"rows":[[1,{"val_accuracy":1.0,"val_loss":0.9}],[2,{"val_accuracy":1.0,"val_loss":0.1}],[3,{"val_accuracy":0.9,"val_loss":0.2}]],"decision":{"stop":"finished"}}',2851687220);
INSERT INTO "events" VALUES('s2',7,1780000000.0,'reported','{"number":2,"rows":[[1,{"val_accuracy":1.0,"val_loss":0.05}]],"decision":{"continue":3}}',553141965);
INSERT INTO "events" VALUES('s2',8,1780000000.0,'interrupted','{"reason":"by a signal"}',2399741873);
CREATE TABLE requests (
	id INTEGER NOT NULL, 
	sweep VARCHAR(40) NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE INDEX ix_requests_sweep ON requests (sweep);
COMMIT;
